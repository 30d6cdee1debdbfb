import {
  Body,
  type CallHandler,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Global,
  GoneException,
  Head,
  Header,
  HttpCode,
  type MessageEvent,
  Module,
  type NestInterceptor,
  NotFoundException,
  Post,
  Query,
  Redirect,
  Res,
  ServiceUnavailableException,
  Sse,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { type Observable, of } from 'rxjs';
import { BackplaneExceptionFilter, setHeader } from '../../src/common/http/index.js';
import type { HttpRequest, HttpResponse } from '../../src/common/http/index.js';
import { CLOCK_OVERRIDE } from '../../src/common/time/index.js';
import { CacheModule, CacheResponse } from '../../src/modules/cache/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { type Platform, startApp, type TestApp } from '../support/app.js';

type Reply = HttpResponse & { status(code: number): unknown };

/** What the handlers do, and how often they did it. */
export const script: {
  runs: number;
  headers: Readonly<Record<string, string>>;
  status: number;
  fails: boolean;
  arrived: number;
  mayAnswer: Promise<void>;
} = { runs: 0, headers: {}, status: 200, fails: false, arrived: 0, mayAnswer: Promise.resolve() };

const Language = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  String(context.switchToHttp().getRequest<HttpRequest>().headers['accept-language']),
);

class AddHeader implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    setHeader(context.switchToHttp().getResponse<HttpResponse>(), 'X-Inner', String(script.runs));
    return next.handle();
  }
}

/** Tells every request something of its own. */
class Greeter {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const response = http.getResponse<HttpResponse>();
    setHeader(response, 'X-Guard', String(request.headers['x-me'] ?? 'nobody'));
    setHeader(response, 'RateLimit', `"default";r=${script.arrived}`);
    setHeader(response, 'Vary', 'Origin');
    script.arrived += 1;
    return true;
  }
}

const large = { text: 'the same again, '.repeat(100) };

@Controller()
class RoutesController {
  /** Does whatever the test says. */
  @CacheResponse({ ttl: '10s', statuses: [200, 202] })
  @Get('any')
  any(@Res({ passthrough: true }) response: Reply): object {
    for (const [name, value] of Object.entries(script.headers)) setHeader(response, name, value);
    if (script.status !== 200) response.status(script.status);
    return { run: (script.runs += 1) };
  }

  @CacheResponse({ ttl: '10s', compress: true, cacheControl: 'max-age=10', public: true })
  @Get('large')
  large(): object {
    script.runs += 1;
    return large;
  }

  @CacheResponse({ ttl: '10s', vary: ['Accept-Language', 'Authorization'] })
  @Get('varied')
  varied(@Language() language: string): object {
    return { run: (script.runs += 1), language };
  }

  @CacheResponse({ vary: ({ headers }) => String(headers['x-tenant']), query: ['page'] })
  @Get('tenant')
  tenant(): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse({ key: 'search', methods: ['POST'] })
  @HttpCode(200)
  @Post('search')
  search(@Body() _body: unknown): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse({ tags: (request, result) => [`q:${request.url.length}`, tagOf(result)] })
  @Get('tagged')
  tagged(@Query('id') id: string): object {
    return { run: (script.runs += 1), id };
  }

  @CacheResponse({ ttl: '10s', statuses: [200, 404, 410] })
  @Get('gone')
  gone(@Query('how') how: string): never {
    script.runs += 1;
    if (how === '404') throw new NotFoundException(`run ${script.runs}`);
    throw new GoneException({ run: script.runs });
  }

  @CacheResponse({ ttl: '10s', statuses: [302, 301] })
  @Redirect('/elsewhere')
  @Get('moved')
  moved(@Query('to') url?: string): object | undefined {
    script.runs += 1;
    return url === undefined ? undefined : { url, statusCode: 301 };
  }

  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '1m', staleIfError: '10m' })
  @Header('X-Static', 'yes')
  @Get('stale')
  async stale(@Language() _language: string): Promise<object> {
    const run = (script.runs += 1);
    await script.mayAnswer;
    if (script.fails) throw new ServiceUnavailableException();
    return { run };
  }

  @CacheResponse({ ttl: '10s', staleWhileRevalidate: '1m', staleIfError: '10m' })
  @UseInterceptors(AddHeader)
  @Get('stale-written')
  staleWritten(@Res({ passthrough: true }) response: Reply, @Query('is') is = ''): object {
    setHeader(response, 'X-Run', String((script.runs += 1)));
    if (is !== '') setHeader(response, 'Cache-Control', is);
    if (script.status === 404) throw new NotFoundException();
    if (script.fails) throw new ServiceUnavailableException();
    return { run: script.runs };
  }

  @CacheResponse({ ttl: '10s', honourNoCache: true })
  @Get('asked')
  asked(): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse()
  @Sse('events')
  events(): Observable<MessageEvent> {
    script.runs += 1;
    return of({ data: `run ${script.runs}` });
  }

  @CacheResponse()
  @Head('headed')
  headed(): void {
    script.runs += 1;
  }

  @CacheResponse()
  @Get('headed')
  got(): object {
    return { run: (script.runs += 1) };
  }

  @CacheResponse()
  @HttpCode(204)
  @Get('empty')
  empty(): void {
    script.runs += 1;
  }
}

function tagOf(result: unknown): string {
  return `id:${String(Reflect.get(Object(result), 'id'))}`;
}

/** The clock of all applications of this file. */
export const clock = new FakeClock();

@Global()
@Module({
  providers: [{ provide: CLOCK_OVERRIDE, useValue: clock }],
  exports: [CLOCK_OVERRIDE],
})
class TestClockModule {}

/** An application with routes for whatever HTTP says of caches. */
export function startResponseApp(platform: Platform): Promise<TestApp> {
  return startApp(platform, {
    imports: [TestClockModule, CacheModule.forRoot()],
    controllers: [RoutesController],
    providers: [
      { provide: APP_GUARD, useClass: Greeter },
      { provide: APP_FILTER, useClass: BackplaneExceptionFilter },
    ],
  });
}
