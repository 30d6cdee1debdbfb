import { Logger } from '@nestjs/common';
import { CacheService } from '../../src/modules/cache/index.js';
import { PLATFORMS, type Platform, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { useRedis } from '../support/redis/shared-redis.js';
import { Handlers, startCacheApp } from './cache-app.js';
import { type Answer, CacheClient } from './cache-client.js';

const TABLE: readonly (readonly [Platform, 'memory' | 'redis'])[] = [
  ...PLATFORMS.map((platform) => [platform, 'memory'] as const),
  ['fastify', 'redis'],
];

describe.each(TABLE)('@CacheResponse on %s, cached in %s', (platform, backing) => {
  const redis = backing === 'redis' ? useRedis('standalone') : undefined;
  let server: TestApp;
  let client: CacheClient;
  let handlers: Handlers;

  beforeAll(async () => {
    server = await startCacheApp(platform, redis?.().url);
    client = new CacheClient(server.url);
    handlers = server.app.get(Handlers);
  });

  afterEach(async () => {
    await server.app.get(CacheService).deleteMatching('*');
    handlers.reset();
  });

  afterAll(async () => {
    await server.close();
  });

  /** Asks so often that the first handler is still busy when the last request comes in. */
  async function atOnce(count: number, path: string): Promise<readonly Answer[]> {
    let release: () => void = () => undefined;
    handlers.mayAnswer = new Promise((resolve) => (release = resolve));
    const answers = Promise.all(Array.from({ length: count }, () => client.get(path)));
    await eventually(() => handlers.arrived === count);
    release();
    return answers;
  }

  describe('what is cached', () => {
    it.each(['json', 'text', 'bytes', 'static', 'type'])(
      'a HIT of /%s is its MISS again',
      async (path) => {
        const miss = await client.get(`/${path}`);
        const hit = await client.get(`/${path}`);
        expect([miss.cache, hit.cache]).toEqual(['MISS', 'HIT']);
        expect({ ...hit, cache: 'MISS' }).toEqual(miss);
        expect(handlers.runs).toEqual({ [path]: 1 });
      },
    );

    it('@HttpCode and @Header hold for hits', async () => {
      await client.get('/static');
      const hit = await fetch(`${server.url}/static`);
      expect([hit.status, hit.headers.get('x-static')]).toEqual([203, 'yes']);
      expect(hit.headers.get('content-type')).toMatch(/^text\/csv/);
    });

    it('the order of the query does not matter, its content does', async () => {
      expect(
        await client.inTurn(
          ['/json?a=1&b=2'],
          ['/json?b=2&a=1'],
          ['/json?a=2&b=1'],
          ['/json?a=1&b=2&c='],
          ['/json?a=1'],
          ['/json?a=1&a=2'],
          ['/json?a=2&a=1'],
          ['/json'],
          ['/json?'],
          ['/json?a=1%262'],
        ),
      ).toEqual([
        ['MISS', 1],
        ['HIT', 1],
        ['MISS', 2],
        ['MISS', 3],
        ['MISS', 4],
        ['MISS', 5],
        ['MISS', 6],
        ['MISS', 7],
        ['HIT', 7],
        ['MISS', 8],
      ]);
    });

    it('a query of any length has a key', async () => {
      const long = `/json?q=${'q'.repeat(3_000)}`;
      const requests = [[long], [`${long}r`], [`${long}&a=1`], [long]] as const;
      expect(await client.inTurn(...requests)).toEqual([
        ['MISS', 1],
        ['MISS', 2],
        ['MISS', 3],
        ['HIT', 1],
      ]);
    });

    it('HEAD is answered from what GET stored, and the other way round', async () => {
      await client.get('/text');
      const head = await client.ask('/text', { method: 'HEAD' });
      expect([head.status, head.cache, head.body]).toEqual([200, 'HIT', '']);
      await client.ask('/json', { method: 'HEAD' });
      expect(await client.inTurn(['/json'])).toEqual([['HIT', 1]]);
    });

    it('deleteMatching removes the answers of a route', async () => {
      await client.inTurn(['/json?a=1'], ['/public']);
      await server.app.get(CacheService).deleteMatching('response:/json*');
      const requests = [['/json?a=1'], ['/public']] as const;
      expect(await client.inTurn(...requests)).toEqual([
        ['MISS', 2],
        ['HIT', 1],
      ]);
    });

    it('100 concurrent requests run the handler once', async () => {
      const answers = await atOnce(100, '/slow');
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['{"run":1}']));
      expect(answers.filter(({ cache }) => cache === 'MISS')).toHaveLength(1);
      expect(handlers.runs).toEqual({ slow: 1 });
    });
  });

  describe('who gets it', () => {
    const alice = { 'x-user': 'alice' };
    const bob = { 'x-user': 'bob' };
    const token = { authorization: 'Bearer secret' };

    it('userAware: every user has entries of their own', async () => {
      const users = [alice, bob, {}, { 'x-user': 'alice|user=bob' }, { 'x-user': 'alice%7C' }];
      for (const cache of ['MISS', 'HIT']) {
        for (const [index, headers] of users.entries()) {
          const answer = await client.get('/mine', headers);
          const user = 'x-user' in headers ? { id: headers['x-user'] } : null;
          expect(answer.cache).toBe(cache);
          expect(JSON.parse(answer.body)).toEqual({ run: index + 1, user });
        }
      }
    });

    it('userAware: a query cannot reach into the entry of another user', async () => {
      await client.get('/mine', alice);
      for (const guess of ['/mine?|user=alice', '/mine?x=%7Cuser%3Dalice']) {
        expect(JSON.parse((await client.get(guess, bob)).body)).toMatchObject({
          user: { id: 'bob' },
        });
      }
    });

    it('userAware: credentials that no guard turned into a user bypass the cache', async () => {
      expect(await client.inTurn(['/mine', token], ['/mine', token])).toEqual([
        ['BYPASS', 1],
        ['BYPASS', 2],
      ]);
      expect(await client.inTurn(['/mine', { ...alice, ...token }], ['/mine', alice])).toEqual([
        ['MISS', 3],
        ['HIT', 3],
      ]);
    });

    it.each([
      ['Authorization', token],
      ['a user', alice],
    ])('a request with %s neither stores nor takes what is not its own', async (_what, own) => {
      expect(await client.inTurn(['/json', own], ['/json'], ['/json', own], ['/json'])).toEqual([
        ['BYPASS', 1],
        ['MISS', 2],
        ['BYPASS', 3],
        ['HIT', 2],
      ]);
    });

    it('public: the same for everybody', async () => {
      expect(await client.inTurn(['/public', alice], ['/public', token], ['/public'])).toEqual([
        ['MISS', 1],
        ['HIT', 1],
        ['HIT', 1],
      ]);
    });
  });

  describe('what is not cached', () => {
    it('POST', async () => {
      await client.get('/json');
      for (const run of [1, 2]) {
        const answer = await client.ask('/json', { method: 'POST' });
        expect(answer).toMatchObject({ status: 201, cache: 'BYPASS', body: `{"run":${run}}` });
      }
    });

    it.each([
      ['Set-Cookie', '/cookie'],
      ['a status of its own', '/status'],
      ['Cache-Control: no-store', '/control?value=no-store'],
      ['Cache-Control: private', '/control?value=max-age=60,%20Private'],
      ['a static Cache-Control: no-store', '/static-no-store'],
    ])('an answer with %s', async (_what, path) => {
      expect(await client.inTurn([path], [path])).toEqual([
        ['MISS', 1],
        ['MISS', 2],
      ]);
    });

    it.each([
      ['/stream', 200, 'stream'],
      ['/own', 201, 'own'],
      ['/raw', 200, 'raw'],
    ])(
      '%s, which is passed on untouched, also to concurrent requests',
      async (path, status, text) => {
        const answers = await atOnce(20, path);
        const expected = Array.from({ length: 20 }, (_, index) => `${text} ${index + 1}`);
        expect(answers.map(({ body }) => body).toSorted()).toEqual(expected.toSorted());
        expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
      },
    );

    it('an answer with a cookie, which nobody shares who waited for it', async () => {
      const debug = jest.spyOn(Logger.prototype, 'debug');
      const answers = await atOnce(10, '/cookie');
      const runs = answers.map(({ body }) => (JSON.parse(body) as { run: number }).run);
      expect(runs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(debug).toHaveBeenCalledWith(expect.stringContaining('it sets a cookie'));
      debug.mockRestore();
    });

    it('errors', async () => {
      for (const run of [1, 2]) {
        const { status, body } = await client.get('/missing');
        expect([status, JSON.parse(body)]).toMatchObject([404, { message: `run ${run}` }]);
      }
    });

    it('a request whose key function gives more than 1 kB: 400 in the common shape', async () => {
      const { status, body } = await client.get(`/keyed?key=${'k'.repeat(1_025)}`);
      expect([status, JSON.parse(body)]).toEqual([
        400,
        {
          error: 'Bad request',
          message: expect.stringContaining('1024 bytes') as unknown,
          code: 'E_INVALID_OPTION',
          request_id: expect.any(String) as unknown,
        },
      ]);
      expect(handlers.runs).toEqual({});
      expect(await client.inTurn(['/keyed?key=k'], ['/keyed?key=k&other=1'])).toEqual([
        ['MISS', 1],
        ['HIT', 1],
      ]);
    });
  });
});
