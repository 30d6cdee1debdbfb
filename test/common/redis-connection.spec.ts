import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { Cluster, type Redis } from 'ioredis';
import {
  defineScript,
  type RedisConnection,
  type RedisTarget,
} from '../../src/common/redis/index.js';
import type { Duration } from '../../src/common/time/index.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { infoField, queryRedis } from '../support/redis/redis-query.js';
import { startSentinel } from '../support/redis/redis-sentinel.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useRedis, useStarted } from '../support/redis/shared-redis.js';
import { assertTopology } from '../support/redis/topology.js';
import { BORROWABLE_CLUSTER, RedisFixture } from './redis-fixture.js';

const TLS_FOLDER = join(process.cwd(), 'test/support/fixtures/tls');
const CERTIFICATE = readFileSync(join(TLS_FOLDER, 'cert.pem'), 'utf8');
const IDENTITY = { cert: CERTIFICATE, key: readFileSync(join(TLS_FOLDER, 'key.pem')) };
const BOUNDS = { deadlineMs: 5_000 };
const HOST = '127.0.0.1';

const COUNT = defineScript<string, undefined, number>({
  name: 'test-count',
  mode: 'write',
  lua: `
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], 60000)
return count
`,
  keys: (key) => [key],
  args: () => [],
  decode: Number,
});

describe('a Redis connection', () => {
  const fixtures: RedisFixture[] = [];

  afterEach(() => {
    for (const fixture of fixtures.splice(0)) fixture.close();
  });

  function prepare(target: RedisTarget, bootTimeout: Duration): RedisFixture {
    const fixture = new RedisFixture({ default: target }, { bootTimeout });
    fixtures.push(fixture);
    return fixture;
  }

  async function connect(target: RedisTarget): Promise<RedisConnection> {
    const connection = await prepare(target, '10s').connect();
    expect(connection.gate.state).toBe('closed');
    return connection;
  }

  /** The reason why a target cannot be reached, which is announced once. */
  async function reasonOf(target: RedisTarget): Promise<string | undefined> {
    const fixture = prepare(target, '100ms');
    const connection = await fixture.connect();
    await eventually(() => connection.lastError !== undefined);
    expect(connection.gate.state).toBe('open');
    expect(fixture.log).toHaveLength(1);
    return connection.lastError;
  }

  describe('to one server', () => {
    const password = 'p@ss:w/rd?';
    const redis = useStarted(() => startStandalone({ password }));
    const port = (): number => redis().process.port;

    beforeAll(() =>
      queryRedis(redis().url, (client) =>
        client.acl('SETUSER', 'shop', 'on', '>basket', '~*', '&*', '+@all'),
      ),
    );

    it.each<[string, () => RedisTarget, string]>([
      ['a url', () => ({ url: redis().url }), 'default/0'],
      ['a url with a database', () => ({ url: `${redis().url}/5` }), 'default/5'],
      ['host, port and password', () => ({ host: HOST, port: port(), password }), 'default/0'],
      ['a database', () => ({ host: HOST, port: port(), password, db: 3 }), 'default/3'],
      [
        'a user',
        () => ({ host: HOST, port: port(), username: 'shop', password: 'basket' }),
        'shop/0',
      ],
      ['a user in the url', () => ({ url: `redis://shop:basket@${HOST}:${port()}` }), 'shop/0'],
    ])('is made from %s', async (_what, target, userAndDatabase) => {
      const connection = await connect(target());
      const info = await connection.command(async (client) => {
        await assertTopology(client, 'standalone');
        return String(await client.client('INFO'));
      }, BOUNDS);
      const [, db] = / db=(\d+)/.exec(info) ?? [];
      const [, user] = / user=(\w+)/.exec(info) ?? [];
      expect(`${user}/${db}`).toBe(userAndDatabase);
      expect(connection).toMatchObject({ topology: 'standalone', isBorrowed: false });
    });

    it.each<[string, () => RedisTarget, string]>([
      ['no password', () => ({ host: HOST, port: port() }), 'NOAUTH'],
      ['a wrong password', () => ({ host: HOST, port: port(), password: 'no' }), 'WRONGPASS'],
      ['a wrong user', () => ({ url: `redis://joe:basket@${HOST}:${port()}` }), 'WRONGPASS'],
    ])('stays degraded with %s, and says why in a word', async (_what, target, reason) => {
      await expect(reasonOf(target())).resolves.toBe(reason);
    });
  });

  describe('over TLS', () => {
    const redis = useStarted(() => startStandalone());
    const proxy = useStarted(async () => {
      const made = new FaultProxy({ targetPort: redis().process.port, tls: IDENTITY });
      await made.start();
      return made;
    });
    const trusting = { tls: { ca: CERTIFICATE } };

    it.each<[string, () => RedisTarget]>([
      ['a rediss url', () => ({ url: proxy().url, ...trusting })],
      ['host and port', () => ({ host: HOST, port: proxy().port, ...trusting })],
      ['trust in anybody', () => ({ url: proxy().url, tls: { rejectUnauthorized: false } })],
    ])('is made from %s', async (_what, target) => {
      const before = proxy().connections;
      const connection = await connect(target());
      await connection.command((client) => assertTopology(client, 'standalone'), BOUNDS);
      expect(proxy().connections).toBe(before + 1);
    });

    it.each<[string, () => RedisTarget]>([
      ['those of the system', () => ({ url: proxy().url })],
      ['those of the system', () => ({ host: HOST, port: proxy().port, tls: true })],
      ['another one', () => ({ url: proxy().url, tls: { ca: rootCertificates[0] ?? '' } })],
    ])('stays degraded when the only authorities it trusts are %s', async (_what, target) => {
      await expect(reasonOf(target())).resolves.toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
    });

    it('stays degraded without TLS', async () => {
      const fixture = prepare({ host: HOST, port: proxy().port }, '100ms');
      const { gate } = await fixture.connect();
      expect(gate.state).toBe('open');
      expect(fixture.log).toHaveLength(1);
    });
  });

  describe('through Sentinels', () => {
    const redis = useStarted(() => startSentinel());

    it('leads to the master that they name', async () => {
      const { addresses: sentinels, name } = redis();
      const connection = await connect({ sentinels, name });
      const info = await connection.command(async (client) => {
        await assertTopology(client, 'sentinel');
        return client.info('server');
      }, BOUNDS);
      expect(infoField(info, 'tcp_port')).toBe(String((await redis().master()).port));
      expect(connection.topology).toBe('sentinel');
    });

    it('stays degraded while they know no master of that name', async () => {
      const { addresses: sentinels } = redis();
      await expect(reasonOf({ sentinels, name: 'nobody' })).resolves.toBeDefined();
    });
  });

  describe('to a cluster', () => {
    const redis = useRedis('cluster');
    let borrowed: Cluster;

    beforeEach(async () => {
      borrowed = new Cluster(redis().addresses, BORROWABLE_CLUSTER);
      await eventually(() => borrowed.status === 'ready');
    });

    afterEach(() => borrowed.disconnect());

    it.each<[string, () => RedisTarget]>([
      ['nodes', () => ({ cluster: redis().addresses })],
      ['one of its nodes', () => ({ cluster: redis().addresses.slice(0, 1) })],
      ['a client of the application', () => ({ client: borrowed })],
    ])('is made from %s and reaches every master', async (_what, target) => {
      const connection = await connect(target());
      const prefix = uniquePrefix();
      const keys = Array.from({ length: 30 }, (_, index) => `${prefix}:${index}`);
      await connection.command((client) => assertTopology(client, 'cluster'), BOUNDS);
      await connection.command(
        (client: Redis | Cluster) =>
          Promise.all(keys.map((key) => client.set(key, '1', 'PX', 60_000))),
        BOUNDS,
      );
      const found = await Promise.all(
        redis().nodes.map(({ url }) => queryRedis(url, (node) => node.keys(`${prefix}:*`))),
      );
      expect(found.every((part) => part.length > 0)).toBe(true);
      expect(found.flat().sort()).toEqual([...keys].sort());
      expect(connection.topology).toBe('cluster');
    });

    it('loads a script on each node that has to run it', async () => {
      const connection = await connect({ cluster: redis().addresses });
      const prefix = uniquePrefix();
      const keys = Array.from({ length: 12 }, (_, index) => `${prefix}:${index}`);
      const owners = await Promise.all(keys.map((key) => redis().nodeOf(key)));
      expect(new Set(owners).size).toBe(3);
      const countAll = () =>
        Promise.all(
          keys.map((key) => connection.script(COUNT, { keys: key, args: undefined, ...BOUNDS })),
        );
      await countAll();
      await expect(countAll()).resolves.toEqual(keys.map(() => 2));
    });
  });
});
