import {
  All,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  type ModuleMetadata,
  Post,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { EventStream } from '../../src/common/events/index.js';
import { headerValue, type HttpRequest } from '../../src/common/http/index.js';
import { BackplaneExceptionFilter, CLOCK } from '../../src/index.js';
import {
  RateLimit,
  RateLimitGuard,
  SkipRateLimit,
  ThrottleDriver,
  ThrottleModule,
  type ThrottleOptions,
  ThrottleService,
} from '../../src/modules/throttle/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { listen, type Platform, type TestApp } from '../support/app.js';

@Controller('cats')
export class CatsController {
  @Get()
  list(): string {
    return 'cats';
  }

  @RateLimit({ limit: 2, window: '1m' })
  @Get('limited')
  limited(): string {
    return 'two a minute';
  }

  @RateLimit({ limit: 2, window: '5m', name: 'group' })
  @Post('grouped')
  grouped(): string {
    return 'two in five minutes, with the dogs';
  }

  @SkipRateLimit()
  @Get('free')
  free(): string {
    return 'as often as you like';
  }
}

@Controller('dogs')
class DogsController {
  @RateLimit({ limit: 2, window: '1m' })
  @Get('limited')
  limited(): string {
    return 'two a minute';
  }

  @RateLimit({ limit: 2, window: '5m', name: 'group' })
  @Post('grouped')
  grouped(): string {
    return 'two in five minutes, with the cats';
  }

  @RateLimit({ limit: 1, window: '1m', onRedisDown: 'closed' })
  @All('guarded')
  guarded(): string {
    return 'never unlimited';
  }
}

/** Takes the client from a header, and lets the administrator through. */
export class UserGuard extends RateLimitGuard {
  protected override async shouldSkip(context: ExecutionContext): Promise<boolean> {
    return userOf(context.switchToHttp().getRequest()) === 'admin';
  }

  protected override async getTracker(request: HttpRequest): Promise<string> {
    return `user:${userOf(request) ?? 'nobody'}`;
  }
}

function userOf(request: HttpRequest): string | undefined {
  return headerValue(request, 'x-user');
}

/** A guard, but not one that limits rates. */
export class OtherGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

export interface ThrottleAppOptions {
  /** @default the cats and the dogs */
  readonly controllers?: NonNullable<ModuleMetadata['controllers']>;
  readonly throttle?: ThrottleOptions;
  readonly clock?: FakeClock;
  /** Replaces what the module would choose. */
  readonly driver?: ThrottleDriver;
  /** @default ThrottleModule alone */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** @default nobody */
  readonly trustProxy?: TrustProxy;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface ThrottleApp extends TestApp {
  readonly clock: FakeClock;
  readonly throttle: ThrottleService;
  readonly events: EventStream;
  ask(method: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/** What both platforms understand; for Fastify a number of hops is a function. */
export type TrustProxy = boolean | string | ((address: string, hop: number) => boolean);

/** The controllers above behind the module's own guard, with a clock that the test steps. */
async function startThrottleApp(
  platform: Platform,
  options: ThrottleAppOptions = {},
): Promise<ThrottleApp> {
  const { throttle = {}, clock = new FakeClock(), driver, trustProxy = false } = options;
  const builder = Test.createTestingModule({
    imports: options.imports ?? [ThrottleModule.forRoot(throttle)],
    controllers: options.controllers ?? [CatsController, DogsController],
    providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
  });
  builder.overrideProvider(CLOCK).useValue(clock);
  if (driver !== undefined) builder.overrideProvider(ThrottleDriver).useValue(driver);
  const module = await builder.compile();
  const adapter =
    platform === 'express' ? new ExpressAdapter() : new FastifyAdapter({ trustProxy });
  const app: INestApplication = module.createNestApplication(adapter, { logger: false });
  if (platform === 'express') (app as NestExpressApplication).set('trust proxy', trustProxy);
  const listening = await listen(app);
  return {
    ...listening,
    clock,
    get throttle() {
      return app.get(ThrottleService);
    },
    get events() {
      return app.get(EventStream, { strict: false });
    },
    ask: async (method, path, headers = {}) => {
      const response = await fetch(`${listening.url}${path}`, { method, headers });
      return {
        status: response.status,
        headers: response.headers,
        body: await response.text(),
      };
    },
  };
}

/** Limit, Remaining, Reset, Backend and Retry-After; `null` for those that are not there. */
export function rateHeaders({ headers }: Answer): readonly (string | null)[] {
  const names = ['Limit', 'Remaining', 'Reset', 'Backend'].map((name) => `X-RateLimit-${name}`);
  return [...names, 'Retry-After'].map((name) => headers.get(name));
}

/** Asks one after the other; resolves to the statuses. */
export async function statusesOf(
  times: number,
  ask: () => Promise<Answer>,
): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let count = 0; count < times; count += 1) statuses.push((await ask()).status);
  return statuses;
}

/** Starts applications for the tests of the surrounding suite and closes them after each test. */
export function useThrottleApps(
  platform: Platform,
): (options?: ThrottleAppOptions) => Promise<ThrottleApp> {
  const started: ThrottleApp[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((app) => app.close()));
  });
  return async (options) => {
    const app = await startThrottleApp(platform, options);
    started.push(app);
    return app;
  };
}
