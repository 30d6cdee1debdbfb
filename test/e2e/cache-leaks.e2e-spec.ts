import {
  Body,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Header,
  HostParam,
  Param,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { type HttpRequest, type HttpResponse, setHeader } from '../../src/common/http/index.js';
import { CacheModule, CacheResponse, CacheService } from '../../src/modules/cache/index.js';
import { listen, PLATFORMS, type Platform, type TestApp } from '../support/app.js';
import { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { ask, type Got, type RequestHeaders as Headers } from './cache-client.js';

interface Known {
  readonly name?: string;
  readonly id?: string;
}

/** Finds a user, with an id or without, and a session. */
class SignIn {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const { 'x-name': name, 'x-id': id, 'x-session': csrf } = request.headers;
    if (name !== undefined || id !== undefined) Object.assign(request, { user: { name, id } });
    if (csrf !== undefined) Object.assign(request, { session: { cookie: {}, csrf } });
    return true;
  }
}

/** Boxed: a reply of Fastify is a thenable, for which Nest would wait. */
const Http = createParamDecorator((_data: unknown, context: ExecutionContext) => ({
  response: context.switchToHttp().getResponse<HttpResponse>(),
}));

const script = { runs: 0, arrived: 0, mayAnswer: Promise.resolve(), status: 200 };

/** For what the types forbid. */
const wrongly = (gives: unknown) => (): string => gives as string;

const ttl = '10s';

@Controller({ path: 'hosted', host: ':tenant.example.com' })
class HostedController {
  @CacheResponse({ ttl })
  @Get()
  hosted(@HostParam('tenant') seen: string): object {
    return { seen };
  }
}

@Controller()
class LeaksController {
  @CacheResponse({ ttl })
  @Get('plain')
  plain(@Req() { user, session }: HttpRequest): object {
    return { seen: [user ?? null, session ?? null] };
  }

  @CacheResponse({ ttl, userAware: true })
  @Get('aware')
  aware(@Req() { user }: HttpRequest): object {
    return { seen: (user as Known | undefined)?.name ?? null };
  }

  @CacheResponse({ ttl, vary: ['cookie'] })
  @Get('varied')
  varied(@Req() { user }: HttpRequest): object {
    return { seen: (user as Known | undefined)?.name ?? null };
  }

  @CacheResponse({ ttl, public: true })
  @Get('session')
  session(@Req() { session }: HttpRequest): object {
    if (session !== undefined) Object.assign(session as object, { csrf: (script.runs += 1) });
    return { seen: script.runs };
  }

  @CacheResponse({ ttl })
  @Get('forbidden')
  async forbidden(@Req() { headers }: HttpRequest): Promise<object> {
    script.arrived += 1;
    await script.mayAnswer;
    if (headers['x-me'] === 'bad') throw new ForbiddenException('bad may not');
    return { seen: headers['x-me'] };
  }

  @CacheResponse({ ttl, vary: ['host'] })
  @Get('by-host')
  byHost(@Req() { hostname }: HttpRequest): object {
    return { seen: hostname };
  }

  @CacheResponse({ ttl })
  @Get('tenants/:name')
  tenant(@Param('name') seen: string): object {
    return { seen };
  }

  @CacheResponse({ ttl, key: ({ headers }) => String(headers['x-key']) })
  @Get('keyed')
  keyed(): object {
    return { seen: 'answer' };
  }

  @CacheResponse({ ttl, key: wrongly(undefined) })
  @Get('no-key')
  noKey(): object {
    return { seen: 1 };
  }

  @CacheResponse({ ttl, vary: wrongly(Promise.resolve('a')) })
  @Get('no-vary')
  noVary(): object {
    return { seen: 1 };
  }

  @CacheResponse({ ttl: '20ms', staleWhileRevalidate: '1m' })
  @Get('late')
  late(@Http() { response }: { readonly response: HttpResponse }): object {
    script.runs += 1;
    if (script.status !== 200) Object.assign(response, { statusCode: script.status });
    return { seen: script.runs };
  }

  @CacheResponse({ ttl, honourNoCache: true })
  @Get('reloaded')
  reloaded(): object {
    script.runs += 1;
    if (script.status !== 200) throw new Error('down');
    return { seen: script.runs };
  }

  @CacheResponse({ ttl, userAware: true })
  @Get('says-cookie')
  saysCookie(@Res({ passthrough: true }) response: HttpResponse): object {
    setHeader(response, 'Vary', 'Cookie');
    return { seen: (script.runs += 1) };
  }

  @CacheResponse({ ttl, compress: true })
  @Header('Vary', 'Accept-Encoding')
  @Get('says-static')
  saysStatic(): object {
    return { seen: (script.runs += 1) };
  }

  @CacheResponse({ ttl, tags: () => [wrongly(undefined)()] })
  @Get('no-tags')
  noTags(): object {
    return { seen: (script.runs += 1) };
  }

  @CacheResponse({ ttl, methods: ['POST'], key: 'posted' })
  @Post('posted')
  posted(@Body() _body: unknown): object {
    return { seen: (script.runs += 1) };
  }

  @CacheResponse({ ttl: '20ms', staleWhileRevalidate: '1m' })
  @Header('Cache-Control', 'max-age=60, must-revalidate')
  @Get('strict')
  strict(): object {
    return { seen: (script.runs += 1) };
  }

  @CacheResponse({ ttl, public: true, cacheControl: 'max-age=60' })
  @Header('Content-Security-Policy', "default-src 'none'")
  @Get('told')
  told(@Res({ passthrough: true }) response: HttpResponse): object {
    setHeader(response, 'WWW-Authenticate', 'Negotiate abc');
    return { seen: 1 };
  }

  @CacheResponse({ ttl })
  @Get('nothing')
  nothing(): void {}

  @CacheResponse({ ttl, public: true })
  @Get('aged')
  aged(@Res({ passthrough: true }) response: HttpResponse): object {
    setHeader(response, 'Age', '50');
    setHeader(response, 'Expires', new Date(Date.now() + 60_000).toUTCString());
    return { seen: 1 };
  }
}

type Next = () => void;

interface Changeable {
  url?: string;
  readonly headers: Headers;
}

const rewritten = ({ headers, url }: Changeable): string =>
  headers['x-tenant'] === undefined ? String(url) : `/tenants/${headers['x-tenant']}`;

/** Believes proxies, and rewrites URLs. */
async function start(platform: Platform): Promise<TestApp> {
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot()],
    controllers: [HostedController, LeaksController],
    providers: [{ provide: APP_GUARD, useClass: SignIn }],
  }).compile();
  const rewriteUrl = (request: object): string => rewritten(request as Changeable);
  const adapter =
    platform === 'express'
      ? new ExpressAdapter()
      : new FastifyAdapter({ trustProxy: true, rewriteUrl });
  const app = module.createNestApplication(adapter, { logger: false });
  const strict = ({ headers }: Changeable, response: HttpResponse, next: Next): void => {
    if (headers['x-strict'] !== undefined) setHeader(response, 'Cache-Control', 'no-store');
    next();
  };
  app.use(strict);
  if (platform === 'express') {
    (adapter as ExpressAdapter).set('trust proxy', true);
    app.use((request: Changeable, _response: object, next: Next) => {
      request.url = rewritten(request);
      next();
    });
  }
  return listen(app);
}

describe.each(PLATFORMS)('@CacheResponse keeps to itself, on %s', (platform) => {
  let server: TestApp;
  let cache: CacheService;

  beforeAll(async () => {
    server = await start(platform);
    cache = server.app.get(CacheService);
  });

  beforeEach(async () => {
    await cache.deleteMatching('*');
    Object.assign(script, { runs: 0, arrived: 0, mayAnswer: Promise.resolve(), status: 200 });
  });

  afterAll(() => server.close());

  const get = (path: string, headers?: Headers) => ask(`${server.url}/${path}`, headers);
  const seen = ({ body }: Got) => (JSON.parse(body.toString()) as { seen: unknown }).seen;
  const stateOf = ({ headers }: Got) => headers['x-cache'];

  it('a user without an id is somebody', async () => {
    const names = ['alice', 'bob'];
    for (const name of names) {
      expect(stateOf(await get('plain', { 'x-name': name }))).toBe('BYPASS');
      const answer = await get('aware', { 'x-name': name, cookie: 'a=b' });
      expect([seen(answer), stateOf(answer)]).toEqual([name, 'BYPASS']);
      const empty = await get('aware', { 'x-name': name, 'x-id': '' });
      expect([seen(empty), stateOf(empty)]).toEqual([name, 'BYPASS']);
    }
  });

  it('vary by a header does not stand for a user who is told by another', async () => {
    for (const name of ['alice', 'bob']) {
      const answer = await get('varied', { 'x-name': name, cookie: 'theme=dark' });
      expect([seen(answer), stateOf(answer)]).toEqual([name, 'BYPASS']);
    }
    const anonymous = { cookie: 'theme=dark' };
    const states = [await get('varied', anonymous), await get('varied', anonymous)].map(stateOf);
    expect(states).toEqual(['MISS', 'HIT']);
  });

  it('a session is somebody’s own, and a handler that writes to it is not stored', async () => {
    const session = { 'x-session': 'a' };
    expect(stateOf(await get('plain', session))).toBe('BYPASS');
    const answers = [await get('session', session), await get('session', session)];
    expect(answers.map(seen)).toEqual([1, 2]);
  });

  it('a refusal is told to nobody but to the one it is for', async () => {
    const gate = new Deferred<void>();
    script.mayAnswer = gate.promise;
    const bad = get('forbidden', { 'x-me': 'bad' });
    await eventually(() => script.arrived === 1);
    const joined = cache.stats().joined;
    const good = get('forbidden', { 'x-me': 'good' });
    await eventually(() => cache.stats().joined > joined);
    gate.resolve();
    expect([(await bad).status, seen(await good)]).toEqual([403, 'good']);
  });

  it('entries go by the host that the application goes by', async () => {
    for (const tenant of ['acme', 'beta']) {
      const host = `${tenant}.example.com`;
      const proxied = { host: 'inside', 'x-forwarded-host': `far-${host}` };
      expect(seen(await get('hosted', { host }))).toBe(tenant);
      expect(seen(await get('hosted', proxied))).toBe(`far-${tenant}`);
      expect(seen(await get('by-host', proxied))).toBe(`far-${host}`);
    }
  });

  it('a URL that was rewritten has an entry for each that it became', async () => {
    for (const state of ['MISS', 'HIT']) {
      for (const tenant of ['acme', 'beta']) {
        const answer = await get('home', { 'x-tenant': tenant });
        expect([seen(answer), stateOf(answer)]).toEqual([tenant, state]);
      }
    }
  });

  it('a key that clients choose reaches no value of the application', async () => {
    await cache.set('account:1', { seen: 'secret' });
    expect(seen(await get('keyed', { 'x-key': 'account:1' }))).toBe('answer');
  });

  it('what functions give is checked', async () => {
    for (const path of ['no-key', 'no-vary']) {
      expect([(await get(path)).status, stateOf(await get(path))]).toEqual([500, undefined]);
    }
    const answers = [await get('no-tags'), await get('no-tags')];
    expect(answers.map(seen)).toEqual([1, 2]);
  });

  it('what a handler says to a response that is out is not lost: it runs in time', async () => {
    await get('late');
    await eventually(async () => stateOf(await get('late')) !== 'HIT');
    Object.assign(script, { status: 404 });
    await eventually(async () => (await get('late')).status === 404);
    const again = await get('late');
    expect([again.status, stateOf(again)]).toEqual([404, 'MISS']);
  });

  it('a reload that fails leaves what was there', async () => {
    await get('reloaded');
    script.status = 500;
    expect((await get('reloaded', { 'cache-control': 'no-cache' })).status).toBe(500);
    const after = await get('reloaded');
    expect([seen(after), stateOf(after)]).toEqual([1, 'HIT']);
  });

  it('a Vary of the handler is covered by nothing but vary', async () => {
    const id = { 'x-id': '1', cookie: 'a=b' };
    const answers = [await get('says-cookie', id), await get('says-cookie', id)];
    answers.push(await get('says-static'), await get('says-static'));
    expect(answers.map(seen)).toEqual([1, 2, 3, 4]);
  });

  it('nothing stale of must-revalidate: one run for all', async () => {
    await get('strict');
    await eventually(async () => (await cache.inspect('response:/strict')) === undefined);
    const answers = await Promise.all(Array.from({ length: 5 }, () => get('strict')));
    expect(answers.map(stateOf)).not.toContain('STALE');
    expect(script.runs).toBeLessThan(6);
  });

  it('POST is stored with the status that Nest gives it', async () => {
    const posted = () => ask(`${server.url}/posted`, {}, 'POST');
    const answers = [await posted(), await posted()];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.map(stateOf)).toEqual(['MISS', 'HIT']);
  });

  it('a hit says what is for its request, and keeps what a 304 keeps', async () => {
    const miss = await get('told');
    const strict = await get('told', { 'x-strict': '1' });
    expect([strict.headers['cache-control'], stateOf(strict)]).toEqual(['no-store', 'HIT']);
    expect(strict.headers['www-authenticate']).toBeUndefined();
    const unmodified = await get('told', { 'if-none-match': String(miss.headers['etag']) });
    expect([unmodified.status, unmodified.headers['content-security-policy']]).toEqual([
      304,
      "default-src 'none'",
    ]);
  });

  it('nothing at all has no type', async () => {
    const answers = [await get('nothing'), await get('nothing')];
    expect(answers.map(({ headers }) => headers['content-type'])).toEqual([undefined, undefined]);
  });

  it('Age of the handler counts, and Expires stands alone', async () => {
    await get('aged');
    const { headers } = await get('aged');
    expect(Number(headers['age'])).toBeGreaterThanOrEqual(50);
    expect(headers['cache-control']).toBeUndefined();
  });
});
