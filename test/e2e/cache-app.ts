import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Injectable,
  NotFoundException,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { BackplaneExceptionFilter, setHeader } from '../../src/common/http/index.js';
import type { HttpRequest, HttpResponse } from '../../src/common/http/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { CacheModule, CacheResponse } from '../../src/modules/cache/index.js';
import { type Platform, startApp, type TestApp } from '../support/app.js';
import { uniquePrefix } from '../support/redis/shared-redis.js';

/** What Express' response and Fastify's reply have in common. */
interface Response extends HttpResponse {
  status(code: number): this;
  send(body: unknown): this;
  end(body: string): unknown;
  /** Fastify's only: Node's own response. */
  readonly raw?: { end(body: string): unknown };
}

/** How often each handler ran, and what the current test wants of it. */
export class Handlers {
  readonly runs: Record<string, number> = {};
  arrived = 0;
  /** The handlers `slow`, `stream`, `own` and `raw` wait for it. */
  mayAnswer: Promise<void> = Promise.resolve();

  count(name: string): number {
    this.runs[name] = (this.runs[name] ?? 0) + 1;
    return this.runs[name];
  }

  reset(): void {
    for (const name of Object.keys(this.runs)) delete this.runs[name];
    this.arrived = 0;
  }
}

/** Counts arrivals, and takes the header `x-user` for a sign-in. */
@Injectable()
class SignIn implements CanActivate {
  constructor(private readonly handlers: Handlers) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const id = request.headers['x-user'];
    if (id !== undefined) Object.assign(request, { user: { id } });
    this.handlers.arrived += 1;
    return true;
  }
}

@Controller()
class CachedController {
  constructor(private readonly handlers: Handlers) {}

  @CacheResponse()
  @Get('json')
  json(@Query() query: object): object {
    return { run: this.handlers.count('json'), query, at: new Date(0), none: undefined };
  }

  @CacheResponse()
  @Get('text')
  text(): string {
    return `run ${this.handlers.count('text')}`;
  }

  @CacheResponse()
  @Get('bytes')
  bytes(): Buffer {
    return Buffer.from([this.handlers.count('bytes'), 0, 255]);
  }

  @CacheResponse()
  @Get('static')
  @HttpCode(203)
  @Header('X-Static', 'yes')
  @Header('Content-Type', 'text/csv')
  fixed(): string {
    return `run,${this.handlers.count('static')}`;
  }

  @CacheResponse({ userAware: true })
  @Get('mine')
  mine(@Req() { user }: HttpRequest): object {
    return { run: this.handlers.count('mine'), user: user ?? null };
  }

  @CacheResponse({ public: true })
  @Get('public')
  forAll(): object {
    return { run: this.handlers.count('public') };
  }

  @CacheResponse()
  @Post('json')
  posted(): object {
    return { run: this.handlers.count('posted') };
  }

  @CacheResponse()
  @Get('cookie')
  async cookie(@Res({ passthrough: true }) response: Response): Promise<object> {
    const run = this.handlers.count('cookie');
    await this.handlers.mayAnswer;
    setHeader(response, 'Set-Cookie', `sid=${run}`);
    return { run };
  }

  @CacheResponse()
  @Get('status')
  status(@Res({ passthrough: true }) response: Response): object {
    response.status(202);
    return { run: this.handlers.count('status') };
  }

  @CacheResponse()
  @Get('type')
  type(@Res({ passthrough: true }) response: Response): string {
    setHeader(response, 'Content-Type', 'text/csv');
    return `run,${this.handlers.count('type')}`;
  }

  @CacheResponse()
  @Get('control')
  control(@Query('value') value: string, @Res({ passthrough: true }) response: Response): object {
    setHeader(response, 'Cache-Control', value);
    return { run: this.handlers.count('control') };
  }

  @CacheResponse()
  @Get('static-no-store')
  @Header('Cache-Control', 'no-store')
  noStore(): object {
    return { run: this.handlers.count('static-no-store') };
  }

  @CacheResponse()
  @Get('stream')
  async stream(): Promise<StreamableFile> {
    const run = this.handlers.count('stream');
    await this.handlers.mayAnswer;
    return new StreamableFile(Buffer.from(`stream ${run}`));
  }

  @CacheResponse()
  @Get('own')
  async own(@Res() response: Response): Promise<void> {
    const run = this.handlers.count('own');
    await this.handlers.mayAnswer;
    response.status(201).send(`own ${run}`);
  }

  @CacheResponse()
  @Get('raw')
  async raw(@Res() response: Response): Promise<void> {
    const run = this.handlers.count('raw');
    await this.handlers.mayAnswer;
    (response.raw ?? response).end(`raw ${run}`);
  }

  @CacheResponse()
  @Get('missing')
  missing(): never {
    throw new NotFoundException(`run ${this.handlers.count('missing')}`);
  }

  @CacheResponse()
  @Get('slow')
  async slow(): Promise<object> {
    const run = this.handlers.count('slow');
    await this.handlers.mayAnswer;
    return { run };
  }

  @CacheResponse({ key: ({ url }) => new URL(url, 'http://a').searchParams.get('key') ?? 'none' })
  @Get('keyed')
  keyed(): object {
    return { run: this.handlers.count('keyed') };
  }
}

/** An application with cached routes, in memory or on a Redis. */
export async function startCacheApp(platform: Platform, redisUrl?: string): Promise<TestApp> {
  const redis = (url: string) =>
    RedisModule.forRoot({
      connections: { default: { url } },
      prefix: uniquePrefix(),
      requestBudget: '10s',
      bootTimeout: '10s',
    });
  return startApp(platform, {
    imports: [
      ...(redisUrl === undefined ? [] : [redis(redisUrl)]),
      CacheModule.forRoot({ deadline: '5s' }),
    ],
    controllers: [CachedController],
    providers: [
      Handlers,
      { provide: APP_GUARD, useClass: SignIn },
      { provide: APP_FILTER, useClass: BackplaneExceptionFilter },
    ],
  });
}
