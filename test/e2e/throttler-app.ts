import { Controller, type ExecutionContext, Get, Module, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  SkipThrottle,
  Throttle,
  ThrottlerGuard,
  ThrottlerModule,
  type ThrottlerModuleOptions,
} from '@nestjs/throttler';
import { type HttpRequest, headerValue } from '../../src/common/http/index.js';
import { RateLimit, SkipRateLimit, ThrottleModule } from '../../src/modules/throttle/index.js';
import type { ThrottleApp, ThrottleAppOptions } from './throttle-app.js';

/** A header of the request that a function of the application is given. */
export function headerIn(context: ExecutionContext, name: string): string | undefined {
  return headerValue(context.switchToHttp().getRequest<HttpRequest>(), name);
}

/** As teams write them for `@nestjs/throttler`. */
@Controller('shop')
class ShopController {
  @Get()
  list(): string {
    return 'under what the module says';
  }

  @Throttle({ default: { limit: 1, ttl: 5_000 } })
  @Get('strict')
  strict(): string {
    return 'one in five seconds';
  }

  @Throttle({ default: { limit: 2, ttl: 10_000, blockDuration: 1_000 } })
  @Get('brief')
  brief(): string {
    return 'blocked for less than the window';
  }

  @Throttle({ default: { limit: 2, ttl: 1_000, blockDuration: 0 } })
  @Get('unblocked')
  unblocked(): string {
    return 'never blocked';
  }

  @Throttle({ default: { limit: (context) => (headerIn(context, 'x-plan') ? 4 : 1) } })
  @Get('plan')
  plan(): string {
    return 'four for those who pay';
  }

  @Throttle({ default: { ttl: async (context) => Number(headerIn(context, 'x-ttl') ?? 1_000) } })
  @Get('window')
  window(): string {
    return 'the window comes with the request';
  }

  @Throttle({ default: { limit: 0 } })
  @Get('shut')
  shut(): string {
    return 'nobody';
  }

  @Throttle({ default: { getTracker: (request) => String(headerValue(asked(request), 'x-user')) } })
  @Get('user')
  user(): string {
    return 'each user by itself';
  }

  @Throttle({ default: { generateKey: (_context, tracker, name) => `${tracker} ${name} shared` } })
  @Get('shared')
  shared(): string {
    return 'one counter, with the other one';
  }

  @Throttle({ default: { generateKey: (_context, tracker, name) => `${tracker} ${name} shared` } })
  @Get('shared-too')
  sharedToo(): string {
    return 'one counter, with the other one';
  }

  @SkipThrottle()
  @Get('free')
  free(): string {
    return 'no default throttler';
  }

  @SkipThrottle({ short: true })
  @Get('no-short')
  noShort(): string {
    return 'no short throttler';
  }
}

@SkipThrottle()
@Throttle({ default: { limit: 1, ttl: 5_000 } })
@Controller('stock')
class StockController {
  @Get()
  list(): string {
    return 'skipped with the class';
  }

  @SkipThrottle({ default: false })
  @Get('counted')
  counted(): string {
    return 'as the class says';
  }

  @SkipThrottle({ default: false })
  @Throttle({ default: { limit: 3 } })
  @Get('own')
  own(): string {
    return 'its own limit in the window of the class';
  }
}

/** Both kinds of limits. */
@Controller('mixed')
class MixedController {
  @RateLimit({ limit: 1, window: '1m' })
  @Get('ours')
  ours(): string {
    return 'one a minute';
  }

  @RateLimit({ limit: 9, window: '1m' })
  @Throttle({ default: { limit: 1, ttl: 1_000 } })
  @Get('theirs')
  theirs(): string {
    return 'one a second';
  }

  @SkipRateLimit()
  @Get('free')
  free(): string {
    return 'as often as you like';
  }
}

function asked(request: Record<string, unknown>): HttpRequest {
  return { method: 'GET', url: '/', headers: request['headers'] as HttpRequest['headers'] };
}

const controllers: Type[] = [ShopController, StockController, MixedController];

@Module({ controllers })
class ShopModule {}

@Module({ controllers, providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }] })
class StockGuardModule {}

/** What a team has that uses `@nestjs/throttler`, and what it has once it swapped the guard. */
export const GUARDS = {
  theirs: (options: ThrottlerModuleOptions) => ({
    imports: [ThrottlerModule.forRoot(copied(options)), StockGuardModule],
  }),
  ours: (options: ThrottlerModuleOptions) => ({
    imports: [ThrottlerModule.forRoot(copied(options)), ThrottleModule.forRoot(), ShopModule],
  }),
} as const satisfies Record<string, (options: ThrottlerModuleOptions) => ThrottleAppOptions>;

export { ShopModule, StockGuardModule };

/** Their guard sorts what it is given. */
function copied(options: ThrottlerModuleOptions): ThrottlerModuleOptions {
  if (Array.isArray(options)) return [...options];
  return { ...options, throttlers: [...options.throttlers] };
}

/** One request: its path, milliseconds since the one before, and headers. */
export type Asked = readonly [
  path: string,
  afterMs?: number,
  headers?: Readonly<Record<string, string>>,
];

/** The statuses of requests, one after the other; `Date` goes with the clock of the application. */
export async function statusesFor(
  app: ThrottleApp,
  requests: readonly Asked[],
): Promise<readonly number[]> {
  const now = jest.spyOn(Date, 'now').mockImplementation(() => app.clock.now());
  const statuses: number[] = [];
  for (const [path, afterMs = 0, headers = {}] of requests) {
    app.clock.advance(afterMs);
    statuses.push((await app.ask('GET', path, headers)).status);
  }
  now.mockRestore();
  return statuses;
}
