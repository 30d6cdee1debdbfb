import { request, type Server } from 'node:http';
import { PLATFORMS } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { statusesOf, type ThrottleApp, useThrottleApps, UserGuard } from './throttle-app.js';
import { controllers, header, HeaderGuard, pending, streams } from './throttle-request-routes.js';

describe.each(PLATFORMS)('limits of requests on %s', (platform) => {
  const start = useThrottleApps(platform);

  /** How many hits of `GET path` are left, as its header says. */
  const remaining = async (app: ThrottleApp, path: string): Promise<number> => {
    const { headers } = await app.ask('GET', path);
    return Number(headers.get('x-ratelimit-remaining'));
  };

  afterEach(() => {
    for (const stream of streams.splice(0)) stream.destroy();
    for (const answer of pending.splice(0)) answer();
  });

  describe('that count only some answers', () => {
    it('deny after so many failures, and a denial does not count', async () => {
      const app = await start({ controllers });
      for (let time = 0; time < 5; time += 1) {
        // What a success gives back may come a moment after its answer.
        await eventually(async () => {
          expect((await app.ask('POST', '/settled/login?right')).status).toBe(201);
        });
      }
      await eventually(async () => expect(await left(app, 'login')).toBe(2));
      const wrong = () => app.ask('POST', '/settled/login');
      expect(await statusesOf(5, wrong)).toEqual([401, 401, 429, 429, 429]);
      app.clock.advance(15 * 60_000);
      expect(await statusesOf(3, wrong)).toEqual([401, 401, 429]);
    });

    it('take back in shadow what is not to count, and deny nothing', async () => {
      const app = await start({ controllers });
      const wouldBlock = jest.fn();
      app.events.on('throttle.shadow_blocked', wouldBlock);
      const ask = (query: string) => app.ask('POST', `/settled/tried${query}`);
      for (let time = 0; time < 5; time += 1) {
        expect((await ask('?right')).status).toBe(201);
        await eventually(async () => expect(await left(app, 'tried')).toBe(2));
      }
      expect(wouldBlock).not.toHaveBeenCalled();
      expect(await statusesOf(5, () => ask(''))).toEqual([401, 401, 401, 401, 401]);
      const { headers } = await ask('?right');
      expect([...headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
      await eventually(() => expect(wouldBlock).toHaveBeenCalledTimes(4));
      expect(await left(app, 'tried')).toBe(0);
    });

    it('count successes, and take back what a route, a guard or nobody answered wrongly', async () => {
      const app = await start({ controllers });
      const fail = () => app.ask('GET', '/settled/orders?status=404');
      for (let time = 0; time < 3; time += 1) {
        await eventually(async () => expect((await fail()).status).toBe(404));
        await eventually(async () => expect(await left(app, 'orders')).toBe(2));
      }
      await app.ask('GET', '/settled/orders?status=304');
      await app.ask('HEAD', '/settled/orders');
      expect((await app.ask('GET', '/settled/orders')).status).toBe(429);
    });

    it('take a HEAD back once, and leave what counts everything', async () => {
      const app = await start({ controllers });
      await app.ask('HEAD', '/settled/both');
      await eventually(async () => expect(await left(app, 'failing')).toBe(5));
      expect(await left(app, 'all')).toBe(1);
    });

    it('decide about a stream when it is over', async () => {
      const app = await start({ controllers });
      const response = await fetch(`${app.url}/settled/streamed`);
      expect(await left(app, 'streamed')).toBe(4);
      streams[0]?.end(' and ended');
      expect(await response.text()).toBe('begun and ended');
      await eventually(async () => expect(await left(app, 'streamed')).toBe(5));
    });

    it.each(['pending', 'flushed', 'streamed'])(
      'keep the hit of a client that went before its answer was out: %s',
      async (name) => {
        const app = await start({ controllers });
        const server: Server = app.app.getHttpServer();
        const gone = new Promise((resolve) => {
          server.once('request', (_request, response) => response.once('close', resolve));
        });
        const sent = request(`${app.url}/settled/${name}`, (response) => response.resume());
        sent.on('error', () => undefined).end();
        await eventually(() => pending.length + streams.length > 0);
        await eventually(async () => expect(await left(app, name)).toBe(4));
        sent.destroy();
        await gone;
        for (const answer of pending.splice(0)) answer();
        streams[0]?.end();
        // Whatever comes of the end has come with the answer to the next request.
        await app.ask('GET', '/settled/both');
        expect(await left(app, name)).toBe(4);
      },
    );

    it('keep the hit where the answer broke off', async () => {
      const app = await start({ controllers });
      const response = await fetch(`${app.url}/settled/streamed`);
      streams[0]?.destroy(new Error('the source is gone'));
      await expect(response.text()).rejects.toThrow();
      expect(await left(app, 'streamed')).toBe(4);
    });

    /** Of the test's own client. */
    async function left(app: ThrottleApp, name: string): Promise<number | undefined> {
      const limit = { name, limit: LIMITS[name] ?? 0, window: '15m' } as const;
      const { decisions } = await app.throttle.peek('127.0.0.1', limit);
      return decisions[0]?.remaining;
    }
    const LIMITS: Readonly<Record<string, number>> = {
      login: 2,
      tried: 2,
      orders: 2,
      failing: 5,
      all: 2,
      streamed: 5,
      pending: 5,
      flushed: 5,
    };
  });

  describe('of how many there are at once', () => {
    const held = { name: 'at once', limit: 3, window: '1m', strategy: 'concurrency' } as const;
    const free = async (app: ThrottleApp): Promise<number | undefined> => {
      const { decisions } = await app.throttle.peek('127.0.0.1', held);
      return decisions[0]?.remaining;
    };

    it('never let more handlers run, and give every place back', async () => {
      const app = await start({ controllers });
      for (let round = 0; round < 3; round += 1) {
        const answers = Array.from({ length: 20 }, () => app.ask('GET', '/held/pending'));
        let refused = 0;
        for (const answer of answers) void answer.then(({ status }) => status === 429 && refused++);
        await eventually(() => expect([pending.length, refused]).toEqual([3, 17]));
        for (const finish of pending.splice(0)) finish();
        const statuses = (await Promise.all(answers)).map(({ status }) => status);
        expect(statuses.filter((status) => status === 200)).toHaveLength(3);
        await eventually(async () => expect(await free(app)).toBe(3));
      }
    });

    it('say so, and when a place comes free at the latest', async () => {
      const app = await start({ controllers });
      const first = [1, 2, 3].map(() => app.ask('GET', '/held/pending'));
      await eventually(() => pending.length === 3);
      app.clock.advance(20_000);
      const { status, headers, body } = await app.ask('GET', '/held/answered');
      expect(status).toBe(429);
      expect(headers.get('ratelimit-policy')).toBe('"at once";q=3;qu="concurrent-requests"');
      expect(headers.get('ratelimit')).toBe('"at once";r=0;t=40');
      expect(JSON.parse(body)).toEqual({
        error: 'Rate limit exceeded',
        message: 'Too many requests. Limit: 3 at once',
        retry_after: 40,
      });
      for (const finish of pending.splice(0)) finish();
      await Promise.all(first);
    });

    it.each([
      ['/held/answered', 200],
      ['/held/answered?status=404', 404],
      ['/held/answered?status=500', 500],
      ['/held/closed', 403],
    ])('give the place back that %s had, with %i', async (path, expected) => {
      const app = await start({ controllers });
      expect((await app.ask('GET', path)).status).toBe(expected);
      expect((await app.ask('HEAD', path)).status).toBe(expected);
      await eventually(async () => expect(await free(app)).toBe(3));
    });

    it('hold the place of a stream until it is over, also where it breaks off', async () => {
      const app = await start({ controllers });
      const [whole, broken] = [
        await fetch(`${app.url}/held/streamed`),
        await fetch(`${app.url}/held/streamed`),
      ];
      expect(await free(app)).toBe(1);
      streams[0]?.end(' and ended');
      expect(await whole.text()).toBe('begun and ended');
      await eventually(async () => expect(await free(app)).toBe(2));
      streams[1]?.destroy(new Error('the source is gone'));
      await expect(broken.text()).rejects.toThrow();
      await eventually(async () => expect(await free(app)).toBe(3));
    });

    it.each(['pending', 'streamed'])(
      'give the place of a client that went back: %s',
      async (path) => {
        const app = await start({ controllers });
        const sent = request(`${app.url}/held/${path}`, (response) => response.resume());
        sent.on('error', () => undefined).end();
        await eventually(() => pending.length + streams.length > 0);
        expect(await free(app)).toBe(2);
        sent.destroy();
        await eventually(async () => expect(await free(app)).toBe(3));
      },
    );

    it('give back what a path had that no route answers', async () => {
      const app = await start({
        controllers,
        throttle: { default: held, outsideRouter: ['/docs/**'] },
      });
      for (let time = 0; time < 5; time += 1) {
        expect((await app.ask('GET', '/docs/nothing')).status).toBe(404);
        await eventually(async () => expect(await free(app)).toBe(3));
      }
    });

    it('end by themselves where nobody gives them back', async () => {
      const app = await start({ controllers });
      for (let time = 0; time < 3; time += 1) await app.throttle.consume('127.0.0.1', held);
      expect((await app.ask('GET', '/held/answered')).status).toBe(429);
      app.clock.advance(60_000);
      expect((await app.ask('GET', '/held/answered')).status).toBe(200);
    });
  });

  describe('that are functions of the request', () => {
    const ask = (app: ThrottleApp, limit: string, cost: string) =>
      app.ask('GET', '/asked/numbers', { 'x-limit': limit, 'x-cost': cost });

    it('hold as the request says, and take a change over at once', async () => {
      const app = await start({ controllers });
      const first = await ask(app, '10', '7');
      expect(first.headers.get('ratelimit')).toBe('"plan";r=3;t=60');
      expect(first.headers.get('ratelimit-policy')).toBe('"plan";q=10;w=60');
      expect((await ask(app, '10', '4')).status).toBe(429);
      expect((await ask(app, '11', '4')).headers.get('x-ratelimit-remaining')).toBe('0');
    });

    it('count nothing and answer 500 without a word for what cannot be', async () => {
      const app = await start({ controllers });
      for (const [limit, cost] of [
        ['0', '1'],
        ['x', '1'],
        ['1e10', '1'],
        ['9', '0'],
        ['9', '.5'],
      ]) {
        const { status, body } = await ask(app, limit ?? '', cost ?? '');
        expect(status).toBe(500);
        expect(JSON.parse(body)).toMatchObject({ code: 'E_INTERNAL' });
      }
      expect((await ask(app, '9', '9')).status).toBe(200);
    });

    it('answer 400 to a request that costs more than is ever allowed', async () => {
      const app = await start({ controllers });
      const { status, body } = await ask(app, '9', '10');
      expect(status).toBe(400);
      expect(JSON.parse(body)).toMatchObject({ code: 'E_INVALID_OPTION' });
      expect((await ask(app, '9', '9')).status).toBe(200);
    });

    it.each([
      ['bug', 500],
      ['away', 404],
      ['costly', 500],
      ['nobody', 500],
    ])('count nothing when one fails: %s', async (wish, expected) => {
      const app = await start({ controllers });
      const failed = await app.ask('GET', '/asked/wishes', { 'x-wish': wish });
      expect(failed.status).toBe(expected);
      expect(failed.body).not.toMatch(/bug|database/);
      expect(await remaining(app, '/asked/wishes')).toBe(8);
    });

    it('do not limit where they say nothing', async () => {
      const app = await start({ controllers });
      const { headers } = await app.ask('GET', '/asked/wishes', { 'x-wish': 'free' });
      expect(headers.get('ratelimit')).toBe('"first";r=8;t=60');
    });
  });

  describe('by', () => {
    const throttle = {
      user: header('x-user'),
      apiKey: {
        header: 'X-Api-Key',
        resolve: (key: string) => (key.startsWith('real-') ? key : undefined),
      },
    };

    it('do not take one kind of client for another, whatever its name', async () => {
      const app = await start({ controllers, throttle });
      const name = '127.0.0.1';
      const asked = [
        await app.ask('GET', '/asked/ip'),
        await app.ask('GET', '/asked/user', { 'x-user': name }),
        await app.ask('GET', '/asked/tenant', { 'x-tenant': name }),
        await app.ask('GET', '/asked/tenant', { 'x-tenant': `user:${name}` }),
        await app.ask('GET', '/asked/key', { 'x-api-key': 'real-1' }),
      ];
      expect(asked.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    });

    it.each([
      ['no user', '/asked/user', {}],
      ['a user without a name', '/asked/user', { 'x-user': '' }],
      ['no tenant', '/asked/tenant', {}],
      ['a tenant without a name', '/asked/tenant', { 'x-tenant': '' }],
      ['no key', '/asked/key', {}],
      ['a key that is nobody’s', '/asked/key', { 'x-api-key': 'made up' }],
    ])('count by address where there is %s', async (_what, path, headers) => {
      const app = await start({ controllers, throttle });
      expect((await app.ask('GET', '/asked/ip')).status).toBe(200);
      expect((await app.ask('GET', path, headers)).status).toBe(429);
    });

    it.each([64, 56, 48] as const)('count IPv6 by /%d, also what a tracker names', async (bits) => {
      const app = await start({
        controllers,
        trustProxy: 'loopback',
        throttle: { ipv6Prefix: bits, guard: HeaderGuard },
      });
      const outside = { 48: '2001:db8:1::1', 56: '2001:db8:0:100::1', 64: '2001:db8:0:1::1' }[bits];
      const routes = [
        ['/asked/ip', 'x-forwarded-for'],
        ['/asked/tenant', 'x-tenant'],
        ['/asked/client', 'x-address'],
      ] as const;
      for (const [path, name] of routes) {
        const as = async (address: string) =>
          (await app.ask('GET', path, { [name]: address })).status;
        expect(await as('2001:db8::1')).toBe(200);
        expect(await as('2001:db8::2:3:4')).toBe(429);
        expect(await as(outside)).toBe(200);
      }
    });
  });

  describe('in a scope', () => {
    it('count for the routes of one controller, or for all', async () => {
      const app = await start({ controllers });
      const get = async (path: string) => (await app.ask('GET', path)).status;
      expect([await get('/one/a'), await get('/one/b'), await get('/one/a')]).toEqual([
        200, 200, 429,
      ]);
      expect(await get('/two/a')).toBe(200);
      const everywhere = [await get('/one/everywhere'), await get('/two/everywhere')];
      expect([...everywhere, await get('/one/everywhere')]).toEqual([200, 200, 429]);
    });
  });

  describe('and lists of addresses', () => {
    const from = (app: ThrottleApp, ip: string, path = '/asked/ip') =>
      app.ask('GET', path, { 'x-forwarded-for': ip });
    const lists = {
      controllers,
      trustProxy: 'loopback',
      throttle: {
        allow: ['10.0.0.0/8', '2001:db8::/32'],
        deny: ['10.6.6.0/24', '2001:db8:bad::/48', '203.0.113.9'],
      },
    };

    it('answer denied addresses with 403 in the common shape, and count nothing', async () => {
      const app = await start(lists);
      for (const ip of ['10.6.6.6', '::ffff:10.6.6.6', '2001:db8:bad::1', '203.0.113.9:4711']) {
        const { status, headers, body } = await from(app, ip);
        expect(status).toBe(403);
        expect(JSON.parse(body)).toEqual({
          error: 'Forbidden',
          message: 'Requests from this address are not answered.',
          code: 'E_FORBIDDEN',
          request_id: headers.get('x-request-id'),
        });
        expect(headers.get('x-ratelimit-limit')).toBeNull();
      }
    });

    it('deny whom the guard would let skip it as well', async () => {
      const app = await start({ ...lists, throttle: { ...lists.throttle, guard: UserGuard } });
      const asAdmin = (ip: string) =>
        app.ask('GET', '/asked/ip', { 'x-forwarded-for': ip, 'x-user': 'admin' });
      expect((await asAdmin('10.6.6.6')).status).toBe(403);
      expect(await statusesOf(3, () => asAdmin('192.0.2.1'))).toEqual([200, 200, 200]);
    });

    it('let allowed addresses through without a limit', async () => {
      const app = await start(lists);
      for (const ip of ['10.1.2.3', '2001:db8::7']) {
        expect(await statusesOf(3, () => from(app, ip))).toEqual([200, 200, 200]);
      }
      expect(await statusesOf(2, () => from(app, '192.0.2.1'))).toEqual([200, 429]);
    });
  });
});
