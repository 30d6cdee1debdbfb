import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Logger } from '@nestjs/common';
import { CacheService } from '../../src/modules/cache/index.js';
import { PLATFORMS, type TestApp } from '../support/app.js';
import { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { ask, type Got, lasting, type RequestHeaders as Headers } from './cache-client.js';
import { clock, script, startResponseApp } from './cache-response-app.js';

describe.each(PLATFORMS)('@CacheResponse over HTTP, on %s', (platform) => {
  let server: TestApp;
  let cache: CacheService;

  beforeAll(async () => {
    server = await startResponseApp(platform);
    cache = server.app.get(CacheService);
  });

  beforeEach(async () => {
    await cache.deleteMatching('*');
    const fresh = { runs: 0, headers: {}, status: 200, fails: false, arrived: 0 };
    Object.assign(script, fresh, { mayAnswer: Promise.resolve() });
  });

  afterAll(() => server.close());

  const get = (path: string, headers?: Headers) => ask(`${server.url}/${path}`, headers);
  const head = (path: string, headers?: Headers) => ask(`${server.url}/${path}`, headers, 'HEAD');
  const told = ({ headers }: Got) => [headers['x-cache'], headers['cache-status']];
  const runOf = ({ body }: Got) => (JSON.parse(body.toString()) as { run: number }).run;

  describe('what is replayed', () => {
    it('status and headers of the handler, and none of the request', async () => {
      script.headers = { 'X-Own': 'a', Link: '</a>; rel=next', ETag: '"v1"', 'Retry-After': '9' };
      script.status = 202;
      const miss = await get('any', { 'x-me': 'alice' });
      script.headers = {};
      clock.advance(3_000);
      const hit = await get('any', { 'x-me': 'bob' });
      expect([miss.status, hit.status, script.runs]).toEqual([202, 202, 1]);
      expect(hit.headers).toMatchObject({
        'x-own': 'a',
        link: '</a>; rel=next',
        etag: '"v1"',
        'x-guard': 'bob',
        ratelimit: '"default";r=1',
        vary: 'Origin',
        age: '3',
        'cache-control': 'no-cache',
      });
      expect(hit.headers['retry-after']).toBeUndefined();
      expect(miss.headers['x-request-id']).not.toBe(hit.headers['x-request-id']);
      expect(told(miss)).toEqual(['MISS', 'backplane; fwd=miss; stored']);
      expect(told(hit)).toEqual(['HIT', 'backplane; hit; ttl=7']);
    });

    it('HEAD gets the headers of GET, with the length', async () => {
      for (const path of ['large', 'any']) {
        await get(path);
        const headers = { 'accept-encoding': 'br' };
        const [got, headed] = [await get(path, headers), await head(path, headers)];
        expect(headed.body).toHaveLength(0);
        expect(lasting({ ...headed, body: got.body })).toEqual(lasting(got));
        expect(headed.headers['content-length']).toBe(String(got.body.length));
      }
    });

    it('304 has neither body nor what describes one, also for HEAD and for a miss', async () => {
      const { headers } = await get('large');
      const condition = { 'if-none-match': String(headers['etag']) };
      const again = [await get('large', condition), await head('large', condition)];
      await cache.deleteMatching('*');
      again.push(await get('large', condition));
      expect(script.runs).toBe(2);
      for (const { status, headers: found, body } of again) {
        expect([status, body.length, found['etag']]).toEqual([304, 0, headers['etag']]);
        expect(found).toMatchObject({ 'cache-control': 'public, max-age=10' });
        for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
          expect(found[name]).toBeUndefined();
        }
      }
    });

    it('204 has no body', async () => {
      for (const state of ['MISS', 'HIT']) {
        const [got, headed] = [await get('empty'), await head('empty')];
        expect([got.status, got.headers['x-cache']]).toEqual([204, state]);
        expect([headed.status, headed.headers['content-length']]).toEqual([204, undefined]);
      }
    });

    it('bodies compressed once, by what the client takes', async () => {
      const plain = await get('large');
      const [br, gz] = [
        await get('large', { 'accept-encoding': 'gzip, br' }),
        await get('large', { 'accept-encoding': 'gzip' }),
      ];
      expect([plain, br, gz].map(({ headers }) => headers['content-encoding'])).toEqual([
        undefined,
        'br',
        'gzip',
      ]);
      expect(brotliDecompressSync(br.body)).toEqual(plain.body);
      expect(gunzipSync(gz.body)).toEqual(plain.body);
      expect(br.body.length).toBeLessThan(plain.body.length / 10);
      expect(new Set([plain, br, gz].map(({ headers }) => headers['etag'])).size).toBe(3);
      for (const { headers } of [plain, br, gz]) {
        expect(headers['vary']).toBe('Origin, accept-encoding');
      }
      expect(script.runs).toBe(1);
    });

    it('redirects, those of the decorator and those of the handler', async () => {
      for (const state of ['MISS', 'HIT']) {
        const answers = [await get('moved'), await get('moved?to=/there')];
        expect(
          answers.map(({ status, headers }) => [status, headers['location'], headers['x-cache']]),
        ).toEqual([
          [302, '/elsewhere', state],
          [301, '/there', state],
        ]);
      }
      expect(script.runs).toBe(2);
    });

    it('404 and 410 where they are named, as if they were thrown again', async () => {
      for (const how of ['404', '410']) {
        const [miss, hit] = [await get(`gone?how=${how}`), await get(`gone?how=${how}`)];
        expect([miss, hit].map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT']);
        expect(hit.status).toBe(Number(how));
        const idOf = (got: Got) => JSON.stringify(got.headers['x-request-id']);
        expect(hit.body.toString().replace(idOf(hit), idOf(miss))).toBe(miss.body.toString());
      }
      expect(script.runs).toBe(2);
    });
  });

  describe('which entry it is', () => {
    it('vary: an entry for each value, also of credentials', async () => {
      const ways: Headers[] = [{}, { 'accept-language': 'de' }, { 'accept-language': '' }];
      ways.push({ authorization: 'Bearer a' }, { authorization: 'Bearer b' });
      for (const state of ['MISS', 'HIT']) {
        for (const [index, headers] of ways.entries()) {
          const answer = await get('varied', headers);
          expect([runOf(answer), answer.headers['x-cache']]).toEqual([index + 1, state]);
          expect(answer.headers['vary']).toBe('Origin, accept-language, authorization');
        }
      }
      expect(told(await get('varied', { cookie: 'a=b', authorization: 'Bearer a' }))).toEqual([
        'BYPASS',
        'backplane; fwd=bypass',
      ]);
    });

    it('vary by a function, and the query by its list', async () => {
      const tenant = (name: string, page = '') =>
        get(`tenant?utm=${Math.random()}${page}`, { 'x-tenant': name, cookie: 'a=b' });
      const answers = [await tenant('a'), await tenant('b'), await tenant('a')];
      answers.push(await tenant('a', '&page=2'));
      expect(answers.map(runOf)).toEqual([1, 2, 1, 3]);
    });

    it('POST with a key has entries of its own', async () => {
      const posted = () => ask(`${server.url}/search`, {}, 'POST');
      expect([await posted(), await posted()].map(told)).toEqual([
        ['MISS', 'backplane; fwd=miss; stored'],
        ['HIT', 'backplane; hit; ttl=300'],
      ]);
      expect(await cache.deleteMatching('search|method=POST')).toBe(1);
    });

    it('a handler for HEAD alone says nothing of GET, and is told of in the log', async () => {
      const debug = jest.spyOn(Logger.prototype, 'debug');
      expect(told(await head('headed'))).toEqual(['BYPASS', 'backplane; fwd=bypass']);
      expect(debug).toHaveBeenCalledWith(expect.stringContaining('RoutesController.headed'));
      debug.mockRestore();
      expect(runOf(await get('headed'))).toBe(2);
    });

    it('a tag that the handler’s result gave invalidates the answer', async () => {
      await get('tagged?id=7');
      await get('tagged?id=8');
      await cache.invalidateTags(['id:7']);
      const again = [await get('tagged?id=7'), await get('tagged?id=8')];
      expect(again.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT']);
    });
  });

  describe('what is not stored', () => {
    it.each<readonly [headers: Headers]>([
      [{ 'Cache-Control': 'no-cache' }],
      [{ 'Cache-Control': 'max-age=0' }],
      [{ Vary: '*' }],
      [{ Vary: 'X-Other' }],
      [{ 'Set-Cookie': 'a=b' }],
    ])('an answer with %j, which passes untouched', async (headers) => {
      script.headers = headers;
      for (const run of [1, 2]) {
        const answer = await get('any');
        expect([runOf(answer), ...told(answer)]).toEqual([run, 'MISS', 'backplane; fwd=miss']);
        const said = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
        expect(answer.headers).toMatchObject(Object.fromEntries(said) as Headers);
      }
    });

    it('max-age of the handler ends an entry earlier', async () => {
      script.headers = { 'Cache-Control': 'max-age=2' };
      expect((await get('any')).headers['cache-control']).toBe('max-age=2');
      expect(told(await get('any'))).toEqual(['HIT', 'backplane; hit; ttl=2']);
      clock.advance(2_000);
      expect(runOf(await get('any'))).toBe(2);
    });

    it('events', async () => {
      for (const run of [1, 2]) {
        const { headers, body } = await get('events');
        expect(headers['content-type']).toMatch(/^text\/event-stream/);
        expect(body.toString()).toContain(`data: run ${run}`);
      }
    });
  });

  describe('staleness', () => {
    it('the stale answer comes first, and the next one is fresh', async () => {
      await get('stale');
      clock.advance(15_000);
      const gate = new Deferred<void>();
      script.mayAnswer = gate.promise;
      const stale = await get('stale');
      expect([runOf(stale), ...told(stale), stale.headers['age']]).toEqual([
        1,
        'STALE',
        'backplane; hit; ttl=-5',
        '15',
      ]);
      await eventually(() => script.runs === 2);
      gate.resolve();
      await eventually(async () => (await get('stale')).headers['x-cache'] === 'HIT');
      const fresh = await get('stale');
      expect([runOf(fresh), fresh.headers['x-static'], fresh.headers['age']]).toEqual([
        2,
        'yes',
        '0',
      ]);
    });

    it('a failing handler leaves the stale answer, and nothing of its own', async () => {
      await get('stale-written');
      clock.advance(15_000);
      script.fails = true;
      const answer = await get('stale-written');
      expect([runOf(answer), answer.headers['x-run'], ...told(answer)]).toEqual([
        1,
        '1',
        'STALE',
        'backplane; fwd=stale; ttl=-5',
      ]);
    });

    it('a route that writes to the response is run before anything is sent', async () => {
      await get('stale-written');
      clock.advance(15_000);
      const answer = await get('stale-written');
      expect([runOf(answer), answer.headers['x-run'], answer.headers['x-cache']]).toEqual([
        2,
        '2',
        'MISS',
      ]);
    });

    it('a 404 is an answer: nothing stale hides it', async () => {
      await get('stale-written');
      clock.advance(15_000);
      script.status = 404;
      expect((await get('stale-written')).status).toBe(404);
    });

    it('must-revalidate of the handler: nothing stale is served', async () => {
      await get('stale-written?is=must-revalidate');
      clock.advance(15_000);
      script.fails = true;
      expect((await get('stale-written?is=must-revalidate')).status).toBe(503);
      expect(script.runs).toBe(2);
    });
  });

  describe('what clients ask for, where that is honoured', () => {
    const no = { 'cache-control': 'no-cache' };

    it('no-cache runs the handler, and what it comes to is stored', async () => {
      await get('asked');
      const reloaded = await get('asked', no);
      expect([runOf(reloaded), ...told(reloaded)]).toEqual([
        2,
        'MISS',
        'backplane; fwd=request; stored',
      ]);
      expect(runOf(await get('asked'))).toBe(2);
      clock.advance(5_000);
      const ages = [5, 4].map((age) => ({ 'cache-control': `max-age=${age}` }));
      expect(runOf(await get('asked', ages[0]))).toBe(2);
      expect(runOf(await get('asked', ages[1]))).toBe(3);
    });

    it('no-store passes the cache by', async () => {
      await get('asked');
      const passed = await get('asked', { 'cache-control': 'no-store' });
      expect([runOf(passed), ...told(passed)]).toEqual([2, 'BYPASS', 'backplane; fwd=request']);
      expect(runOf(await get('asked'))).toBe(1);
    });

    it('only-if-cached gets what is stored, or 504', async () => {
      const only = { 'cache-control': 'only-if-cached' };
      const refused = await get('asked', only);
      expect([refused.status, ...told(refused), script.runs]).toEqual([
        504,
        'MISS',
        'backplane; detail=only-if-cached',
        0,
      ]);
      await get('asked');
      expect(runOf(await get('asked', only))).toBe(1);
    });

    it('elsewhere nobody can make the handler run', async () => {
      await get('any');
      expect(runOf(await get('any', no))).toBe(1);
    });
  });

  it('concurrent requests share one run, and say so', async () => {
    const gate = new Deferred<void>();
    script.mayAnswer = gate.promise;
    const answers = Promise.all(Array.from({ length: 10 }, () => get('stale')));
    await eventually(() => script.arrived === 10);
    gate.resolve();
    const states = (await answers).map((answer) => told(answer).join(' '));
    expect(states.toSorted()).toEqual([
      ...Array.from({ length: 9 }, () => 'HIT backplane; fwd=miss; collapsed'),
      'MISS backplane; fwd=miss; stored',
    ]);
    expect(script.runs).toBe(1);
  });
});

it('a route that staleWhileRevalidate cannot work for is told of', async () => {
  await using server = await startResponseApp('fastify');
  const warn = jest.spyOn(Logger.prototype, 'warn');
  for (let turn = 0; turn < 2; turn += 1) await ask(`${server.url}/stale-written`);
  expect(warn.mock.calls.join()).toContain('RoutesController.staleWritten injects the response');
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});

it('@CacheResponse answers with the same bytes on Express and Fastify', async () => {
  const seen: unknown[] = [];
  for (const platform of PLATFORMS) {
    await using server = await startResponseApp(platform);
    Object.assign(script, { runs: 0, arrived: 0, status: 200, headers: { 'X-Own': 'a' } });
    const answers: Got[] = [];
    for (const path of ['any', 'any', 'large', 'varied', 'stale', 'empty']) {
      for (const headers of [{}, { 'accept-encoding': 'br' }, { 'if-none-match': '*' }]) {
        for (const method of ['GET', 'HEAD']) {
          answers.push(await ask(`${server.url}/${path}`, headers, method));
        }
      }
    }
    seen.push(answers.map(lasting));
  }
  expect(seen[0]).toEqual(seen[1]);
});
