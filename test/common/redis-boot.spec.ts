import { Redis } from 'ioredis';
import {
  ConnectionBudgetError,
  type RedisClient,
  type RedisRole,
} from '../../src/common/redis/index.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisProcess } from '../support/redis/redis-process.js';
import { infoField, queryRedis } from '../support/redis/redis-query.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { assertTopology } from '../support/redis/topology.js';
import { BORROWABLE, RedisFixture } from './redis-fixture.js';

const EVERY_ROLE: readonly RedisRole[] = ['command', 'producer', 'worker', 'subscriber', 'probe'];
const BOUNDS = { deadlineMs: 5_000 };

describe('the Redis connections of an application', () => {
  const redis = useStarted(() => startStandalone());
  let fixture: RedisFixture;

  beforeEach(() => {
    fixture = new RedisFixture({ default: { url: redis().url } });
  });

  afterEach(() => fixture.close());

  describe('by role', () => {
    it('are named after the application and their role, and end on shutdown', async () => {
      fixture.redis.use('default', EVERY_ROLE);
      await fixture.connect();
      await eventually(async () => {
        expect(await fixture.clientsOn(redis().url)).toEqual([...EVERY_ROLE].sort());
      });
      fixture.close();
      await eventually(async () => (await fixture.clientsOn(redis().url)).length === 0);
    });

    it('are only those that somebody asked for', async () => {
      await fixture.connect();
      await expect(fixture.clientsOn(redis().url)).resolves.toEqual(['command']);
    });

    it('speak RESP2 only where a subscriber needs it', async () => {
      fixture.redis.use('default', ['command', 'subscriber']);
      const connection = await fixture.connect();
      const protocolOf = async (role: RedisRole) =>
        / resp=(\d)/.exec(String(await connection.client(role).client('INFO')))?.[1];
      await expect(Promise.all([protocolOf('command'), protocolOf('subscriber')])).resolves.toEqual(
        ['3', '2'],
      );
    });

    it('are the same for everybody who asks', () => {
      const one = fixture.redis.use('default', ['command']);
      const other = fixture.redis.use('cache', ['command', 'probe']);
      expect(other).toBe(one);
      expect(fixture.redis.list()).toEqual([one]);
      expect(one.client('probe')).toBe(one.client('probe'));
      expect(one.client('probe')).not.toBe(one.client('command'));
    });
  });

  describe('by name', () => {
    it('are apart where another deployment is configured, and the default one where not', async () => {
      const { url } = redis();
      const named = new RedisFixture({ default: { url }, cache: { url: `${url}/7` } });
      const cache = named.redis.use('cache', ['command']);
      const queue = named.redis.use('queue', ['command']);
      await named.redis.onModuleInit();
      const databaseOf = (info: unknown) => / db=(\d+)/.exec(String(info))?.[1];
      const [inCache, inQueue] = await Promise.all(
        [cache, queue].map((one) => one.command((client) => client.client('INFO'), BOUNDS)),
      );
      expect([databaseOf(inCache), databaseOf(inQueue)]).toEqual(['7', '0']);
      expect(named.redis.configured()).toEqual(['default', 'cache']);
      expect([cache.name, queue.name]).toEqual(['cache', 'default']);
      named.close();
    });
  });

  describe('and their budget', () => {
    it('are planned before anything connects', () => {
      const nodes = [{ host: 'a' }, { host: 'b' }, { host: 'c' }];
      const client = new Redis({ ...BORROWABLE, lazyConnect: true });
      const planned = new RedisFixture({
        default: { url: redis().url },
        cache: { cluster: nodes },
        queue: { client },
      });
      planned.redis.use('default', ['command', 'probe']);
      planned.redis.use('cache', ['command']);
      planned.redis.use('queue', ['command']);
      expect(planned.redis.plan()).toEqual([
        { connection: 'default', role: 'command', count: 1 },
        { connection: 'default', role: 'probe', count: 1 },
        { connection: 'cache', role: 'command', count: 4 },
        { connection: 'queue', role: 'command', count: 0 },
      ]);
      expect(client.status).toBe('wait');
    });

    it('stop the boot when they are too many, saying what to change, before one is opened', async () => {
      const before = await connectionsReceived();
      const tight = new RedisFixture({ default: { url: redis().url } }, { maxConnections: 2 });
      tight.redis.use('default', ['command', 'probe', 'subscriber']);
      const boot = tight.redis.onModuleInit();
      await expect(boot).rejects.toBeInstanceOf(ConnectionBudgetError);
      await expect(boot).rejects.toMatchObject({
        code: 'E_REDIS_CONNECTION_BUDGET',
        needed: 3,
        allowed: 2,
        message:
          'Redis would need 3 connections but maxConnections (REDIS_MAX_CONNECTIONS) is 2: ' +
          'default/command 1, default/probe 1, default/subscriber 1. ' +
          'Raise it to at least 3, or use fewer named connections.',
      });
      // Each of the two questions takes a connection of its own.
      await expect(connectionsReceived()).resolves.toBe(before + 1);
    });

    it('boot when they are just enough', async () => {
      const { url } = redis();
      const enough = new RedisFixture({ default: { url } }, { maxConnections: 2 });
      enough.redis.use('default', ['command', 'probe']);
      await enough.connect();
      await eventually(async () => (await enough.clientsOn(url)).length === 2);
      enough.close();
    });

    it('count a server that a module opens for itself, which is connected and closed with them', async () => {
      const { url } = redis();
      const opened = new RedisFixture({ default: { url } }, { maxConnections: 2 });
      const own = opened.redis.open('lock-1', { url });
      await opened.connect();
      expect(opened.redis.plan()).toEqual([
        { connection: 'default', role: 'command', count: 1 },
        { connection: 'lock-1', role: 'command', count: 1 },
      ]);
      expect(own.gate.isClosed).toBe(true);
      expect(opened.redis.list()).not.toContain(own);
      opened.close();
      expect(own.gate.isClosed).toBe(false);
      await eventually(async () => (await opened.clientsOn(url)).length === 0);
      const tight = new RedisFixture({ default: { url } }, { maxConnections: 1 });
      tight.redis.use('default', ['command']);
      tight.redis.open('lock-1', { url });
      await expect(tight.redis.onModuleInit()).rejects.toMatchObject({ needed: 2, allowed: 1 });
    });

    async function connectionsReceived(): Promise<number> {
      const stats = await queryRedis(redis().url, (client) => client.info('stats'));
      return Number(infoField(stats, 'total_connections_received'));
    }
  });

  describe('when Redis is away at boot', () => {
    const server = useStarted(() => RedisProcess.start());

    it('are waited for, each of them, when the server starts together with the application', async () => {
      await server().kill();
      const together = new RedisFixture({ default: { url: server().url } }, { bootTimeout: '10s' });
      const connection = together.redis.use('default', EVERY_ROLE);
      const probe = connection.client('probe');
      const delays = probe.options as { retryStrategy: () => number };
      delays.retryStrategy = () => 500;
      const refused = new Promise((resolve) => probe.once('reconnecting', resolve));
      const connected = together.connect();
      await refused;
      await server().restart();
      await connected;
      const statuses = EVERY_ROLE.map((role) => connection.client(role).status);
      together.close();
      expect(statuses).toEqual(EVERY_ROLE.map(() => 'ready'));
    });

    it('let the boot go on, say so once, and recover by themselves', async () => {
      await server().kill();
      const { url } = server();
      const away = new RedisFixture({ default: { url } }, { bootTimeout: '100ms' });
      const connection = await away.connect();
      expect(connection.gate.state).toBe('open');
      const ping = () => connection.command((client) => client.ping(), BOUNDS);
      await expect(ping()).rejects.toMatchObject({ reason: 'open', outcome: 'not-executed' });
      // The reason may be that nothing was heard in time, where the machine took a break just then.
      const degraded = expect.stringMatching(/^default degraded: /) as string;
      expect(away.log).toEqual([degraded]);
      await eventually(() => connection.lastError === 'ECONNREFUSED');
      await server().restart();
      await eventually(() => connection.gate.isClosed);
      await expect(ping()).resolves.toBe('PONG');
      expect(away.log).toEqual([degraded, 'default recovered']);
      away.close();
    });
  });

  describe('with a client of the application', () => {
    const server = useStarted(() => startStandalone());
    let client: Redis;
    let borrowed: RedisFixture;

    beforeEach(async () => {
      client = new Redis(server().url, { ...BORROWABLE, connectionName: 'application' });
      await eventually(() => client.status === 'ready');
      borrowed = new RedisFixture({ default: { client } });
    });

    afterEach(() => {
      borrowed.close();
      client.disconnect();
    });

    it('use it as it is and leave it open on shutdown', async () => {
      const connection = await borrowed.connect();
      await connection.command((same) => assertTopology(same, 'standalone'), BOUNDS);
      await connection.command(async (same) => expect(same).toBe(client), BOUNDS);
      expect(connection).toMatchObject({ isBorrowed: true, topology: 'standalone' });
      borrowed.close();
      await expect(client.ping()).resolves.toBe('PONG');
    });

    it('never destroy its socket, also while the server is frozen', async () => {
      const connection = await borrowed.connect();
      const id = await client.client('ID');
      server().process.freeze();
      const ping = () => connection.command((same) => same.ping(), { deadlineMs: 30 });
      for (const reason of ['deadline', 'deadline', 'deadline', 'open']) {
        await expect(ping()).rejects.toMatchObject({ reason });
      }
      const ask = jest.fn((same: RedisClient) => same.ping());
      for (let question = 0; question < 2; question += 1) {
        await expect(connection.inspect(ask, 30)).rejects.toMatchObject({ reason: 'deadline' });
      }
      expect(ask).toHaveBeenCalledTimes(1); // each would be one more that waits on its socket
      server().process.thaw();
      await eventually(() => connection.inspect(ask, 500));
      await eventually(() => connection.gate.isClosed);
      await expect(client.client('ID')).resolves.toBe(id);
      expect(borrowed.log).toEqual(['default degraded: deadline', 'default recovered']);
    });
  });

  describe('for an inspection', () => {
    const server = useStarted(() => startStandalone());
    const proxy = useStarted(async () => {
      const started = new FaultProxy({ targetPort: server().process.port });
      await started.start();
      return started;
    });

    it('are not left in a network that accepted them and then swallowed every byte', async () => {
      const asked = new RedisFixture({ default: { url: proxy().url } });
      asked.redis.use('default', ['probe']);
      try {
        const connection = await asked.connect();
        const ping = () => connection.inspect((client) => client.ping(), 500);
        await eventually(async () => (await ping()) === 'PONG');
        await proxy().blackHole();
        await expect(ping()).rejects.toMatchObject({ reason: 'deadline' });
        await eventually(() => connection.client('probe').status === 'connect');
        await proxy().heal();
        await eventually(async () => (await ping()) === 'PONG');
      } finally {
        asked.close();
      }
    });

    it('answer whatever the state of the gate, and give up at the deadline', async () => {
      const asked = new RedisFixture({ default: { url: server().url } });
      asked.redis.use('default', ['command', 'probe']);
      const connection = await asked.connect();
      const ping = (deadlineMs: number) =>
        connection.inspect((client) => client.ping(), deadlineMs);
      await eventually(async () => (await ping(1_000)) === 'PONG');
      connection.gate.linkDown('as a test says');
      await expect(ping(1_000)).resolves.toBe('PONG');
      server().process.freeze();
      await expect(ping(30)).rejects.toMatchObject({ reason: 'deadline', outcome: 'unknown' });
      await eventually(() => connection.client('probe').status !== 'ready');
      server().process.thaw();
      await eventually(async () => (await ping(1_000)) === 'PONG');
      await expect(
        connection.inspect((client) => client.call('NONSENSE'), 1_000),
      ).rejects.toMatchObject({ name: 'ReplyError' });
      asked.close();
    });
  });
});
