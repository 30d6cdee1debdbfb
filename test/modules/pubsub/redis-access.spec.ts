import { Redis } from 'ioredis';
import {
  collector,
  logOf,
  openRedisNode,
  type PubSubNode,
} from '../../contracts/pubsub/pubsub-fixture.js';
import { eventually } from '../../support/eventually.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';

/** What the module sends, inside of scripts and outside; see docs/pubsub.md. */
const COMMANDS = [
  '+eval +evalsha +time +ping +info',
  '+publish +subscribe +psubscribe +unsubscribe +punsubscribe +pubsub',
  '+xadd +xrevrange +pexpire +zadd +zremrangebyscore +zrevrangebyscore',
  // The gate's probe and the client's greeting.
  '+set +hello +client +select',
].join(' ');

describe('pub/sub on Redis', () => {
  const redis = useStarted(startStandalone);
  let direct: Redis;
  let prefix: string;
  const nodes: PubSubNode[] = [];

  beforeEach(() => {
    prefix = uniquePrefix();
    direct = new Redis(redis().url);
  });

  afterEach(() => {
    for (const node of nodes.splice(0)) node.close();
    direct.disconnect();
  });

  async function openAs(...channels: readonly string[]): Promise<PubSubNode> {
    const rules = ['reset', 'on', '>secret', `~${prefix}:*`, ...channels, ...COMMANDS.split(' ')];
    await direct.call('ACL', 'SETUSER', prefix, ...rules);
    const { port } = redis().process;
    const target = { host: '127.0.0.1', port, username: prefix, password: 'secret' };
    const node = await openRedisNode(target, prefix);
    nodes.push(node);
    return node;
  }

  it('needs no more than these commands, its prefix for keys and for channels', async () => {
    // For PSUBSCRIBE an ACL rule has to be the pattern itself, letter by letter.
    const { pubsub } = await openAs(`&${prefix}:*`, `&${prefix}:pubsub:v1:{*}`);
    const { received, handler } = collector();
    await pubsub.subscribe('c', handler);
    const end = await pubsub.subscribePattern('*', handler);
    await pubsub.publish('c', 1);
    await eventually(() => received.length === 2);
    await end();
    expect(await pubsub.recent()).toHaveLength(1);
    expect(await pubsub.channels()).toMatchObject([{ channel: 'c', subscribers: 1 }]);
    const denied = (await direct.call('ACL', 'LOG')) as readonly unknown[];
    expect(denied).toEqual([]);
  });

  it('a subscription that the server refuses rejects with its words, and leaves nothing', async () => {
    const { pubsub } = await openAs('resetchannels');
    const { received, handler } = collector();
    const refused = pubsub.subscribe('c', handler);
    const withIt = pubsub.subscribe('c', handler);
    await expect(refused).rejects.toThrow('NOPERM');
    await expect(withIt).rejects.toThrow('NOPERM');
    await direct.call('ACL', 'SETUSER', prefix, `&${prefix}:*`);
    await pubsub.subscribe('c', handler);
    await pubsub.publish('c', 1);
    await eventually(() => received.length === 1);
  });

  it('a subscription that the server does not renew keeps no other from being renewed', async () => {
    const { pubsub, events } = await openAs(`&${prefix}:*`);
    const [refused, gaps] = [logOf(events, 'pubsub.refused'), logOf(events, 'pubsub.gap')];
    const kept = collector();
    await pubsub.subscribe('lost', () => undefined);
    await pubsub.subscribe('kept', kept.handler);
    const allowed = `&${prefix}:pubsub:v1:{kept}`;
    await direct.call('ACL', 'SETUSER', prefix, 'resetchannels', allowed);
    await eventually(() => refused.length > 0 && gaps.length > 0);
    await pubsub.publish('kept', 1);
    await eventually(() => kept.received.length === 1);
    expect(refused[0]).toEqual({ reason: 'NOPERM' });
  });

  it('a subscription that the server does not renew is reported', async () => {
    const { pubsub, events } = await openAs(`&${prefix}:*`);
    const refused = logOf(events, 'pubsub.refused');
    const { received, handler } = collector();
    await pubsub.subscribe('c', handler);
    // Redis cuts connections whose subscriptions a new rule forbids.
    await direct.call('ACL', 'SETUSER', prefix, 'resetchannels');
    await eventually(() => refused.length > 0);
    expect(refused[0]).toEqual({ reason: 'NOPERM' });
    expect(received).toEqual([]);
  });

  it('a publish is one round trip and ten commands', async () => {
    const node = await openRedisNode({ url: redis().url }, prefix);
    nodes.push(node);
    await node.pubsub.publish('c', 'loads the script');
    await direct.config('RESETSTAT');
    await node.pubsub.publish('c', 1);
    const stats = await direct.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)]
      .map(([, name = '', count]) => `${name} ${count}`)
      .filter((line) => !/^(info|config)/.test(line));
    expect(calls.toSorted()).toEqual([
      'evalsha 1',
      'pexpire 3',
      'publish 1',
      'time 1',
      'xadd 2',
      'zadd 1',
      'zremrangebyscore 1',
    ]);
  });

  it('names of others under our prefix are no channels', async () => {
    const node = await openRedisNode({ url: redis().url }, prefix);
    nodes.push(node);
    const names = ['', 'x'.repeat(2_000), '%zz'].map((name) => `${prefix}:pubsub:v1:{${name}}`);
    await direct.subscribe(...names);
    await node.pubsub.subscribe('ours', () => undefined);
    expect((await node.pubsub.channels()).map(({ channel }) => channel)).toEqual(['ours']);
  });

  it('history on a stream is bounded, whatever is published', async () => {
    const node = await openRedisNode({ url: redis().url }, prefix, { historySize: 10 });
    nodes.push(node);
    await Promise.all(Array.from({ length: 500 }, (_, at) => node.pubsub.publish('c', at)));
    const [stream = ''] = await direct.keys(`${prefix}:*:events:c`);
    // `MAXLEN ~` cuts off whole nodes, of 100 entries by default.
    expect(await direct.xlen(stream)).toBeLessThan(10 + 2 * 100);
    expect(await node.pubsub.recent({ limit: 10 })).toHaveLength(10);
  });
});
