import {
  Controller,
  Get,
  Global,
  Header,
  Inject,
  Injectable,
  type MiddlewareConsumer,
  Module,
  NotFoundException,
  type OnModuleInit,
  Param,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import {
  BackplaneExceptionFilter,
  type HttpRequest,
  type HttpResponse,
  onAnswered,
  onEveryRequest,
  setHeader,
} from '../../src/common/http/index.js';
import { CLOCK_OVERRIDE } from '../../src/common/time/index.js';
import { CacheModule, CacheResponse } from '../../src/modules/cache/index.js';
import { RateLimit, ThrottleModule } from '../../src/modules/throttle/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { type Platform, startApp, type TestApp } from '../support/app.js';

/** How often handlers ran, and what hooks saw go out. */
export const script: { runs: number; responses: number; answered: number[] } = {
  runs: 0,
  responses: 0,
  answered: [],
};

@Controller()
class PricesController {
  @CacheResponse({ ttl: '10s', edge: true, public: true, compress: true })
  @Header('X-Static', 'yes')
  @Header('Last-Modified', 'Sat, 01 Jan 2022 00:00:00 GMT')
  @Get('prices/:id')
  prices(@Param('id') id: string): object {
    return { id, run: (script.runs += 1), text: 'the same again, '.repeat(100) };
  }

  @CacheResponse({ edge: true, public: true, query: ['page'], honourNoCache: true })
  @Get('list')
  list(): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse({ edge: true, public: true, statuses: [200, 404] })
  @Get('absent')
  absent(): never {
    script.runs += 1;
    throw new NotFoundException();
  }

  @RateLimit({ limit: 4, window: '1m' })
  @CacheResponse({ ttl: '10s', edge: true, public: true })
  @Get('decorated/:id')
  decorated(): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse({ public: true })
  @Get('ordinary')
  ordinary(): object {
    return { run: (script.runs += 1) };
  }
}

/** Turns some away, and tells the others. */
function check(request: HttpRequest, response: HttpResponse, next: () => void): void {
  const node = response as HttpResponse & { statusCode: number; end(text: string): void };
  if (request.headers['x-banned'] === undefined) {
    setHeader(response, 'X-Checked', String(request.headers['x-me'] ?? 'nobody'));
    setHeader(response, 'Vary', 'Origin');
    next();
    return;
  }
  node.statusCode = 403;
  node.end('banned');
}

/** As a logger of requests does. */
@Injectable()
class Watch implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    this.host.httpAdapter.setOnResponseHook(() => (script.responses += 1));
    onEveryRequest(this.host.httpAdapter, (_request, response, next) => {
      onAnswered(response, (status) => script.answered.push(status));
      next();
    });
  }
}

/** The clock of all applications of this file. */
export const clock = new FakeClock();

@Global()
@Module({
  providers: [{ provide: CLOCK_OVERRIDE, useValue: clock }],
  exports: [CLOCK_OVERRIDE],
})
class TestClockModule {}

@Module({})
class CheckModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(check).forRoutes('{*path}');
  }
}

/** Deep in the tree of modules, where what is applied comes after that of others. */
@Module({ imports: [CheckModule] })
class DeepModule {}

const filter = { provide: APP_FILTER, useClass: BackplaneExceptionFilter };

/** An application with edge routes and middleware. */
export function startEdgeApp(platform: Platform): Promise<TestApp> {
  return startApp(platform, {
    imports: [TestClockModule, CacheModule.forRoot(), DeepModule],
    controllers: [PricesController],
    providers: [filter, Watch],
  });
}

/** The same, under limits: 6 a minute under `/prices`. */
export function startLimitedApp(platform: Platform): Promise<TestApp> {
  const routes = [{ path: '/prices/**', limit: 6, window: '1m' }] as const;
  return startApp(platform, {
    imports: [TestClockModule, CacheModule.forRoot(), ThrottleModule.forRoot({ routes })],
    controllers: [PricesController],
    providers: [filter],
  });
}
