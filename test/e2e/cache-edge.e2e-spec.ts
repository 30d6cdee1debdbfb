import { connect } from 'node:net';
import {
  type CanActivate,
  Controller,
  Get,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  Redirect,
  Scope,
  Sse,
  type Type,
  UseGuards,
  UseInterceptors,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { NEVER } from 'rxjs';
import { EventStream } from '../../src/common/events/index.js';
import {
  CacheModule,
  CacheResponse,
  CacheResponseInterceptor,
  CacheService,
} from '../../src/modules/cache/index.js';
import { RateLimitGuard, ThrottleModule } from '../../src/modules/throttle/index.js';
import { PLATFORMS, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { ask, type RequestHeaders as Headers } from './cache-client.js';
import { clock, script, startEdgeApp, startLimitedApp } from './cache-edge-app.js';

const intercepted = jest.spyOn(CacheResponseInterceptor.prototype, 'intercept');

beforeEach(() => {
  intercepted.mockClear();
  script.runs = 0;
});

/** The answer; its header fields in order, whatever the case of their names, without what is of the moment. */
function bytesOf(url: string, first: string, headers: Headers = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  const fields = Object.entries({ Host: hostname, Connection: 'close', ...headers });
  const lines = [first, ...fields.map(([name, value]) => `${name}: ${value}`), '', ''];
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(lines.join('\r\n')));
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject).on('end', () => {
      const [head = '', ...body] = text.split('\r\n\r\n');
      const [status = '', ...given] = head.split('\r\n');
      const fields = given.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
      const kept = fields.filter((line) => !/^(?:date|x-request-id):/i.test(line));
      resolve([status, ...kept.toSorted(), '', body.join('\r\n\r\n')].join('\n'));
    });
  });
}

describe.each(PLATFORMS)('the edge lane, on %s', (platform) => {
  let server: TestApp;
  let cache: CacheService;
  const events: string[] = [];

  beforeAll(async () => {
    server = await startEdgeApp(platform);
    cache = server.app.get(CacheService);
    server.app.get(EventStream).onAny(({ name }) => events.push(name));
  });

  beforeEach(async () => {
    await cache.deleteMatching('*');
    events.length = 0;
    script.answered = [];
    script.responses = 0;
  });

  afterAll(() => server.close());

  const get = (path: string, headers?: Headers, method?: string) =>
    ask(`${server.url}${path}`, headers, method);

  /** Has the answer stored, and the URL known. */
  const warm = async (path: string, method = 'GET') => {
    await get(path);
    await get(path, {}, method);
    intercepted.mockClear();
    events.length = 0;
  };

  it.each<readonly [what: string, line: string, headers: Headers]>([
    ['GET', 'GET /prices/a HTTP/1.1', {}],
    ['a query', 'GET /prices/b?a=1&b=%20 HTTP/1.1', {}],
    ['HTTP/1.0', 'GET /prices/c HTTP/1.0', {}],
    ['HEAD', 'HEAD /prices/d HTTP/1.1', {}],
    ['br', 'GET /prices/e HTTP/1.1', { 'Accept-Encoding': 'br' }],
    ['HEAD with gzip', 'HEAD /prices/f HTTP/1.1', { 'Accept-Encoding': 'gzip' }],
    ['a condition', 'GET /prices/g HTTP/1.1', { 'If-None-Match': '*' }],
    ['a date', 'GET /prices/h HTTP/1.1', { 'If-Modified-Since': 'Sat, 01 Jan 2022 00:00:00 GMT' }],
    ['HEAD with a condition', 'HEAD /prices/i HTTP/1.1', { 'If-None-Match': '*' }],
    ['credentials', 'GET /prices/j HTTP/1.1', { Cookie: 'sid=1', Authorization: 'Bearer 1' }],
    ['a cross-origin request', 'GET /prices/k HTTP/1.1', { Origin: 'http://a.example' }],
    ['a slash at the end', 'GET /list/ HTTP/1.1', {}],
  ])('%s gets the bytes that the interceptor sends', async (_what, line, headers) => {
    // On Fastify that is another path, of no route.
    if (line.includes('/list/') && platform === 'fastify') return;
    await bytesOf(server.url, line.replace('HEAD', 'GET'));
    const before = intercepted.mock.calls.length;
    const ordinary = await bytesOf(server.url, line, headers);
    expect(ordinary).toMatch(/x-cache: hit/i);
    expect(intercepted).toHaveBeenCalledTimes(before + 1);
    expect(await bytesOf(server.url, line, headers)).toBe(ordinary);
    expect(intercepted).toHaveBeenCalledTimes(before + 1);
    expect(script.runs).toBe(1);
  });

  it('a request is a hit like any other, with an id of its own and its age', async () => {
    await warm('/prices/1');
    clock.advance(3_000);
    const [one, other] = [await get('/prices/1'), await get('/prices/1')];
    expect(intercepted).not.toHaveBeenCalled();
    expect(one.headers).toMatchObject({
      'x-cache': 'HIT',
      'cache-status': 'backplane; hit; ttl=7',
      age: '3',
    });
    expect(one.headers['x-request-id']).not.toBe(other.headers['x-request-id']);
    expect(events).toEqual(['cache.hit', 'cache.hit']);
  });

  it('what is not fresh takes the ordinary way', async () => {
    await warm('/prices/1');
    clock.advance(10_000);
    expect((await get('/prices/1')).headers['x-cache']).toBe('MISS');
    await cache.deleteMatching('*');
    expect((await get('/prices/1')).headers['x-cache']).toBe('MISS');
    expect(intercepted).toHaveBeenCalledTimes(2);
    expect(script.runs).toBe(3);
  });

  it('only the very URL of a GET or HEAD that was answered is known', async () => {
    await warm('/prices/only');
    await get('/prices/only');
    expect(intercepted).not.toHaveBeenCalled();
    for (const [path, method] of [
      ['/prices/only', 'HEAD'],
      ['/prices/only?x=1', 'GET'],
      ['/prices/other', 'GET'],
      ['/list?page=1&x=1', 'GET'],
      ['/list?x=2&page=1', 'GET'],
    ] as const) {
      await get(path, {}, method);
    }
    expect(intercepted).toHaveBeenCalledTimes(5);
    for (const method of ['POST', 'OPTIONS']) {
      expect((await get('/prices/only', {}, method)).headers['x-cache']).toBeUndefined();
    }
  });

  it('a URL of more than 2000 characters takes the ordinary way', async () => {
    const path = `/list?page=${'1'.repeat(2_000)}`;
    await warm(path);
    expect((await get(path)).headers['x-cache']).toBe('HIT');
    expect(intercepted).toHaveBeenCalledTimes(1);
  });

  it('routes without edge are not answered early', async () => {
    await warm('/ordinary');
    expect((await get('/ordinary')).headers['x-cache']).toBe('HIT');
    expect(intercepted).toHaveBeenCalledTimes(1);
  });

  it('middleware has its say, wherever it was applied', async () => {
    await warm('/prices/1');
    const { headers } = await get('/prices/1', { 'x-me': 'alice' });
    expect(headers).toMatchObject({ 'x-checked': 'alice', vary: 'Origin, accept-encoding' });
    const banned = await get('/prices/1', { 'x-banned': 'yes' });
    expect([banned.status, banned.body.toString()]).toEqual([403, 'banned']);
    expect(intercepted).not.toHaveBeenCalled();
  });

  it('a client may demand another answer where the route lets it', async () => {
    await warm('/list?page=1');
    expect((await get('/list?page=1')).headers['x-cache']).toBe('HIT');
    expect(intercepted).not.toHaveBeenCalled();
    const { headers } = await get('/list?page=1', { 'cache-control': 'no-cache' });
    expect(headers['cache-status']).toBe('backplane; fwd=request; stored');
  });

  it('what is stored as no bytes takes the ordinary way, and counts once', async () => {
    await warm('/list');
    await cache.set('response:/list', { by: 'hand' });
    const { headers, body } = await get('/list');
    expect([headers['x-cache'], body.toString()]).toEqual(['MISS', '{"run":2}']);
    await get('/absent');
    intercepted.mockClear();
    events.length = 0;
    for (let time = 0; time < 2; time += 1) expect((await get('/absent')).status).toBe(404);
    expect([intercepted.mock.calls.length, events]).toEqual([2, ['cache.hit', 'cache.hit']]);
    expect(script.runs).toBe(3);
  });

  it('who watches requests sees those that were answered early', async () => {
    await warm('/prices/1');
    await get('/prices/1');
    expect(intercepted).not.toHaveBeenCalled();
    await eventually(() =>
      expect([script.answered, script.responses]).toEqual([[200, 200, 200], 3]),
    );
  });
});

describe.each(PLATFORMS)('limits of the edge lane, on %s', (platform) => {
  let server: TestApp;
  beforeEach(async () => void (server = await startLimitedApp(platform)));
  afterEach(() => server.close());
  const get = (path: string) => ask(`${server.url}${path}`);

  it('count every request once, and refuse as ever', async () => {
    const left: unknown[] = [];
    for (let time = 0; time < 6; time += 1) {
      const { headers } = await get('/prices/1');
      left.push([
        headers['x-cache'],
        headers['x-ratelimit-remaining'],
        intercepted.mock.calls.length,
      ]);
    }
    expect(left).toEqual([
      ['MISS', '5', 1],
      ['HIT', '4', 2],
      ['HIT', '3', 2],
      ['HIT', '2', 2],
      ['HIT', '1', 2],
      ['HIT', '0', 2],
    ]);
    const [early, late] = [await get('/prices/1'), await get('/prices/2')];
    expect([early.status, late.status]).toEqual([429, 429]);
    expect(Object.keys(early.headers).toSorted()).toEqual(Object.keys(late.headers).toSorted());
    expect(Object.keys(JSON.parse(early.body.toString()) as object)).toEqual(
      Object.keys(JSON.parse(late.body.toString()) as object),
    );
  });

  it('count a request once that goes on to its route', async () => {
    await get('/prices/1');
    await get('/prices/1');
    clock.advance(10_000);
    const { headers } = await get('/prices/1');
    expect([headers['x-cache'], headers['x-ratelimit-remaining']]).toEqual(['MISS', '3']);
  });

  it('of decorators hold, under the names they have on the route', async () => {
    const policies = new Set<unknown>();
    const answers: unknown[] = [];
    for (let time = 0; time < 5; time += 1) {
      const { headers, status } = await get('/decorated/1');
      policies.add(headers['ratelimit-policy']);
      answers.push([status, headers['x-ratelimit-remaining']]);
    }
    expect(answers).toEqual([
      [200, '3'],
      [200, '2'],
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ]);
    expect(policies.size).toBe(1);
    expect(intercepted).toHaveBeenCalledTimes(2);
  });
});

class Doorman implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Doorman {}

class Strict extends RateLimitGuard {}

class Wrapper implements NestInterceptor {
  intercept(): typeof NEVER {
    return NEVER;
  }
}

const options = { edge: true, public: true } as const;

/** A controller with one edge route, and what else is decorated on it: on all of it, on the one. */
function controllerWith({
  all = [],
  one = [],
}: {
  readonly all?: readonly ClassDecorator[];
  readonly one?: readonly MethodDecorator[];
} = {}): Type {
  class Prices {
    list(): void {}
  }
  Reflect.decorate([Controller('p'), ...all], Prices);
  const descriptor = Object.getOwnPropertyDescriptor(Prices.prototype, 'list') ?? {};
  Reflect.decorate([...one, CacheResponse(options), Get()], Prices.prototype, 'list', descriptor);
  return Prices;
}

describe('at boot', () => {
  const boot = async (metadata: ModuleMetadata, versioning?: VersioningOptions) => {
    const limits = ThrottleModule.forRoot({ headers: 'legacy' });
    const imports = [CacheModule.forRoot(), limits];
    const module = await Test.createTestingModule({ ...metadata, imports }).compile();
    const app = module.createNestApplication(new ExpressAdapter(), { logger: false });
    if (versioning !== undefined) app.enableVersioning(versioning);
    try {
      await app.init();
    } finally {
      await app.close();
    }
  };
  const refusal = (why: string) => ({
    code: 'E_INVALID_OPTION',
    option: '@CacheResponse.edge',
    problem: expect.stringMatching(`^cannot be kept for Prices.list: .*${why}`),
  });
  const plain = controllerWith();
  class Bound {}
  Reflect.decorate([Controller({ host: 'a.example' })], Bound);

  it.each<readonly [why: string, metadata: ModuleMetadata]>([
    ['Doorman would not', { controllers: [controllerWith({ all: [UseGuards(Doorman)] })] }],
    ['Doorman would not', { controllers: [controllerWith({ one: [UseGuards(new Doorman())] })] }],
    [
      'Doorman would not',
      { controllers: [plain], providers: [{ provide: APP_GUARD, useClass: Doorman }] },
    ],
    [
      'PerRequest would not',
      { controllers: [plain], providers: [{ provide: APP_GUARD, useClass: PerRequest }] },
    ],
    ['Strict would not', { controllers: [controllerWith({ one: [UseGuards(Strict)] })] }],
    ['interceptors', { controllers: [controllerWith({ all: [UseInterceptors(Wrapper)] })] }],
    ['a redirect or page', { controllers: [controllerWith({ one: [Redirect('/a')] })] }],
    ['a stream', { controllers: [controllerWith({ one: [Sse('s')] })] }],
    ['bound to hosts', { controllers: [plain, Bound] }],
  ])('edge is refused: %s', async (why, metadata) => {
    await expect(boot(metadata)).rejects.toMatchObject(refusal(why));
  });

  it('edge is refused where versions are not in the URL', async () => {
    const metadata = { controllers: [plain] };
    const inHeader = { type: VersioningType.HEADER, header: 'v' } as const;
    await expect(boot(metadata, inHeader)).rejects.toMatchObject(refusal('versions'));
    await expect(boot(metadata, { type: VersioningType.URI })).resolves.toBeUndefined();
  });

  it('the guard of ThrottleModule is no obstacle, also where a route names it again', async () => {
    const named = controllerWith({ all: [UseGuards(RateLimitGuard)] });
    await expect(boot({ controllers: [named] })).resolves.toBeUndefined();
  });
});
