import { Cluster } from 'ioredis';
import {
  defineScript,
  type RedisClient,
  type RedisConnection,
  type RedisRole,
} from '../../src/common/redis/index.js';
import { eventually } from '../support/eventually.js';
import type { RedisProcess } from '../support/redis/redis-process.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { useRedis } from '../support/redis/shared-redis.js';
import { RedisFixture } from './redis-fixture.js';

/** Far longer than ioredis waits before it sends a command again. */
const BOUNDS = { deadlineMs: 5_000 };

const HIT = defineScript<string, undefined, number>({
  name: 'test-hit',
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

describe('a connection to a cluster', () => {
  const redis = useRedis('cluster');
  let fixture: RedisFixture;
  let connection: RedisConnection;

  beforeEach(async () => {
    fixture = new RedisFixture({ default: { cluster: redis().addresses } });
    connection = await fixture.connect();
  });

  afterEach(async () => {
    fixture.close();
    await redis().ready();
  });

  const hit = (key: string) => connection.script(HIT, { keys: key, args: undefined, ...BOUNDS });

  it('sends a command once: not again when its socket dies before the answer', async () => {
    const key = `${fixture.app}:hits`;
    await expect(hit(key)).resolves.toBe(1);
    const node = await redis().nodeOf(key);
    node.freeze();
    const lost = hit(key).catch((error: unknown) => error);
    await destroySocketOnceWritten(node);
    const error = await lost;
    node.thaw();
    expect(error).toMatchObject({ reason: 'connection', outcome: 'unknown' });
    await eventually(async () => expect(await hitsOn(node, key)).toBe('2'));
    await redis().ready();
    await eventually(() => connection.gate.isClosed);
    await expect(hit(key)).resolves.toBe(3);
  });

  it('takes commands for a node whose connection is just being made', async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `${fixture.app}:${index}`);
    await expect(Promise.all(keys.map(hit))).resolves.toEqual(keys.map(() => 1));
  });

  it('asks nothing that could wait in a queue for a health check while it is not connected', async () => {
    const asked = jest.fn((client: RedisClient) => client.ping());
    connection.client('probe').disconnect();
    await eventually(() => connection.client('probe').status === 'end');
    await expect(connection.inspect(asked, 500)).rejects.toMatchObject({ reason: 'connection' });
    expect(asked).not.toHaveBeenCalled();
  });

  it.each<RedisRole>(['command', 'producer', 'probe'])(
    'resends nothing but redirections in the role %s',
    (role) => {
      const { options } = connection.client(role) as Cluster;
      expect(options).toMatchObject({ retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 });
      expect(options).toMatchObject({ retryDelayOnTryAgain: 100 });
    },
  );

  async function destroySocketOnceWritten(node: RedisProcess): Promise<void> {
    const clients = (connection.client('command') as Cluster).nodes();
    const stream = clients.find(({ options }) => options.port === node.port)?.stream;
    await eventually(() => stream?.writableLength === 0);
    stream?.destroy();
  }

  function hitsOn(node: RedisProcess, key: string): Promise<string | null> {
    return queryRedis(node.url, (client) => client.get(key));
  }
});
