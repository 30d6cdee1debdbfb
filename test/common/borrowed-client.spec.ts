import { Cluster, Redis } from 'ioredis';
import { ClientLink } from '../../src/common/redis/client-link.js';
import type { RedisClient } from '../../src/common/redis/index.js';
import { resolveRedisOptions } from '../../src/common/redis/resolve-redis-options.js';
import { BORROWABLE, BORROWABLE_CLUSTER } from './redis-fixture.js';

describe('a client of the application', () => {
  const clients: RedisClient[] = [];

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  function standalone(options: object): Redis {
    const client = new Redis({ ...BORROWABLE, lazyConnect: true, ...options });
    clients.push(client);
    return client;
  }

  function cluster(options: object): Cluster {
    const client = new Cluster([{ host: 'a' }], {
      ...BORROWABLE_CLUSTER,
      lazyConnect: true,
      ...options,
    });
    clients.push(client);
    return client;
  }

  const borrow = (client: RedisClient) =>
    resolveRedisOptions({ connections: { default: { url: 'redis://a' }, cache: { client } } });

  it.each<[string, object]>([
    ['keyPrefix', { keyPrefix: 'shop:' }],
    ['stringNumbers', { stringNumbers: true }],
    ['replyMapping', { replyMapping: 'resp3' }],
    ['autoResendUnfulfilledCommands', { autoResendUnfulfilledCommands: true }],
    ['maxRetriesPerRequest', { maxRetriesPerRequest: 20 }],
    ['maxRetriesPerRequest', { maxRetriesPerRequest: null }],
  ])('is refused with its %s %j, saying what to set', (name, options) => {
    expect(() => borrow(standalone(options))).toThrow(refusalOf(name));
  });

  it.each<[string, object]>([
    ['keyPrefix', { keyPrefix: 'shop:' }],
    ['keyPrefix', { redisOptions: { keyPrefix: 'shop:' } }],
    ['redisOptions.stringNumbers', { redisOptions: { stringNumbers: true } }],
    ['redisOptions.replyMapping', { redisOptions: { replyMapping: 'resp3' } }],
    ['retryDelayOnFailover', { retryDelayOnFailover: 100 }],
    ['retryDelayOnClusterDown', { retryDelayOnClusterDown: 100 }],
    ['scaleReads', { scaleReads: 'slave' }],
    ['redisOptions.autoResendUnfulfilledCommands', { clusterNodeRetryStrategy: () => 100 }],
    [
      'redisOptions.maxRetriesPerRequest',
      {
        clusterNodeRetryStrategy: () => 100,
        redisOptions: { autoResendUnfulfilledCommands: false },
      },
    ],
  ])('of a cluster is refused with its %s %j, saying what to set', (name, options) => {
    expect(() => borrow(cluster(options))).toThrow(refusalOf(name));
  });

  it.each<[string, () => RedisClient]>([
    ['with nothing but what is demanded', () => standalone({})],
    ['that queues while it is not connected', () => standalone({ enableOfflineQueue: true })],
    ['with a timeout of its own', () => standalone({ commandTimeout: 100 })],
    ['of a cluster', () => cluster({})],
    [
      'of a cluster whose nodes connect again',
      () => cluster({ clusterNodeRetryStrategy: () => 100, redisOptions: BORROWABLE }),
    ],
  ])('%s is accepted as it is', (_what, make) => {
    const client = make();
    expect(borrow(client).connections.cache).toEqual({ client });
  });

  describe('that does not answer', () => {
    it('is probed again only when it answered, or lost its connection', async () => {
      const client = standalone({});
      const answers: (() => void)[] = [];
      const probe = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
      const link = new ClientLink(client, { owned: false, stuckAfterMs: 1_000, probe });
      link.report({ linkUp: () => undefined, linkDown: () => undefined } as never);
      const probes = [link.probe(), link.probe(), link.probe()];
      expect(answers).toHaveLength(1);
      answers[0]?.();
      await Promise.all(probes);
      void link.probe();
      expect(answers).toHaveLength(2);
      client.emit('close');
      void link.probe();
      expect(answers).toHaveLength(3);
    });
  });
});

describe('an own client that does not become ready', () => {
  afterEach(() => jest.useRealTimers());

  it.each([
    ['accepted but never answered', true, 500],
    ['not even accepted', false, 1_000],
  ])('is dropped when it was %s: %p, for %i ms', (_how, isAccepted, patienceMs) => {
    jest.useFakeTimers();
    const client = new Redis({ lazyConnect: true });
    const destroy = jest.fn();
    Object.assign(client, { stream: { destroy } });
    const link = new ClientLink(client, {
      owned: true,
      stuckAfterMs: 1_000,
      probe: async () => undefined,
    });
    link.report({ linkUp: () => undefined, linkDown: () => undefined } as never);
    if (isAccepted) client.emit('connect');
    jest.advanceTimersByTime(patienceMs);
    link.dropStuckSockets();
    expect(destroy).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    link.dropStuckSockets();
    expect(destroy).toHaveBeenCalledTimes(1);
    link.dropStuckSockets();
    expect(destroy).toHaveBeenCalledTimes(1);
  });
});

function refusalOf(name: string): Error {
  return expect.objectContaining({
    code: 'E_INVALID_OPTION',
    option: `redis.connections.cache.client.${name}`,
    message: expect.stringMatching(/must (not )?be /) as string,
  }) as Error;
}
