import { masters, scanStep } from '../../../src/common/redis/scan.js';
import { THROTTLE_COUNTER } from '../../../src/modules/throttle/index.js';
import type { RedisThrottleFixture } from './throttle-drivers.js';
import {
  checks,
  hit,
  hitTimes,
  look,
  policy,
  STRATEGIES,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

/** Redis only: what is left on the server after each call. */
export function expirySuite(open: () => Promise<RedisThrottleFixture>): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });

    it('gives every key a TTL of at most the window, whatever the call', async () => {
      const { driver, clock } = fixture();
      const calls: readonly (() => unknown)[] = [
        () => hit(driver, 'alice', three),
        () => clock.advance(10_000),
        () => hit(driver, 'alice', three),
        () => look(driver, 'alice', three),
        () => hitTimes(driver, 2, three),
        () => hit(driver, 'alice', { ...three, limit: 1 }),
        () => clock.set(clock.now() - 20_000),
        () => look(driver, 'alice', three),
        () => clock.set(clock.now() - 5_000),
        () => hit(driver, 'alice', three),
        () => clock.advance(WINDOW - 10_000),
        () => hit(driver, 'alice', three),
        () => clock.advance(WINDOW),
        () => look(driver, 'alice', three),
        () => hit(driver, 'alice', { ...three, windowMs: WINDOW / 2 }),
      ];
      for (const call of calls) {
        await call();
        await expectTtls(fixture());
      }
    });

    it('writes nothing for a subject that is only looked at', async () => {
      await look(fixture().driver, 'alice', three);
      await expect(ttls(fixture())).resolves.toEqual([]);
    });

    it('writes nothing for a policy that another one keeps from counting', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await driver.consume(checks('alice', [policy({ strategy, name: 'other' }), three]));
      await expect(ttls(fixture())).resolves.toHaveLength(1);
    });

    it('leaves nothing behind after a reset', async () => {
      const { driver } = fixture();
      const other = policy({ strategy, name: 'other' });
      await driver.consume(checks('alice', [three, other]));
      await expect(ttls(fixture())).resolves.toHaveLength(2);
      await driver.reset(checks('alice', [three, other]));
      await expect(ttls(fixture())).resolves.toEqual([]);
    });
  });
}

async function expectTtls(fixture: RedisThrottleFixture): Promise<void> {
  for (const ttl of await ttls(fixture)) {
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(WINDOW);
  }
}

/** Time to live, in ms, of each counter under the fixture's prefix; -1 for one that has none. */
async function ttls({ connection }: RedisThrottleFixture): Promise<number[]> {
  const match = `${connection.keys.root(THROTTLE_COUNTER)}*`;
  const found: number[] = [];
  for (const node of masters(connection.client('command'))) {
    let cursor = '0';
    do {
      const step = await scanStep(node, cursor, match);
      for (const key of step.keys) found.push(await node.pttl(key));
      cursor = step.cursor;
    } while (cursor !== '0');
  }
  return found;
}
