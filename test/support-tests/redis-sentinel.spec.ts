import { Redis } from 'ioredis';
import { startSentinel } from '../support/redis/redis-sentinel.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { assertTopology } from '../support/redis/topology.js';

describe('a sentinel set for a suite', () => {
  const sentinel = useStarted(() => startSentinel());

  it('moves clients to the replica when the master is killed', async () => {
    const { addresses, name } = sentinel();
    const client = new Redis({ sentinels: addresses, name, retryStrategy: () => 50 });
    client.on('error', () => undefined);
    try {
      await assertTopology(client, 'sentinel');
      const old = await sentinel().master();
      await old.kill();
      const promoted = await sentinel().masterOtherThan(old);
      await expect(client.set(uniquePrefix(), 'value')).resolves.toBe('OK');
      expect(promoted).not.toBe(old);
    } finally {
      client.disconnect();
    }
  });
});

describe('a set of three sentinels', () => {
  const sentinel = useStarted(() => startSentinel({ sentinels: 3 }));

  it('promotes the replica on request', async () => {
    const old = await sentinel().master();
    const promoted = await sentinel().failover();
    expect(promoted).not.toBe(old);
    expect(await sentinel().master()).toBe(promoted);
  });
});
