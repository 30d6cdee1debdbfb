import type { ThrottlePolicy } from '../../../src/modules/throttle/index.js';
import {
  ALL_STRATEGIES,
  checks,
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

/** What a denied hit costs, where it costs something, and what operators may do. */
export function punishSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  /** Hits until one is denied; resolves to how long that one has to wait. */
  async function exhaust(asked: ThrottlePolicy): Promise<number> {
    const { driver } = fixture();
    for (let count = 0; count <= asked.burst + asked.limit; count += 1) {
      const { allowed, retryAfterMs } = await hit(driver, 'alice', asked);
      if (!allowed) return retryAfterMs;
    }
    throw new Error('nothing was denied');
  }

  describe.each(ALL_STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy, limit: 3, burst: 3 });

    describe('a penalty', () => {
      const strict = { ...three, penalty: 2 };

      it('takes what is left under the limit, and never more', async () => {
        const { driver, clock } = fixture();
        await hitTimes(driver, 2, strict);
        const denied = await driver.consume(checks('alice', [strict], 2));
        expect(denied).toMatchObject({ allowed: false, decisions: [{ remaining: 0 }] });
        const wait = denied.decisions[0]?.retryAfterMs ?? 0;
        clock.advance(wait - 1);
        const early = await driver.peek(checks('alice', [strict], 2));
        expect(early.allowed).toBe(false);
        clock.advance(1);
        await expect(driver.consume(checks('alice', [strict], 2))).resolves.toMatchObject({
          allowed: true,
        });
      });

      it('never makes anybody wait for longer than two windows', async () => {
        const { driver } = fixture();
        await hitTimes(driver, 30, strict);
        const { retryAfterMs } = await look(driver, 'alice', strict);
        expect(retryAfterMs).toBeLessThanOrEqual(2 * WINDOW);
      });

      it('may be far more than the limit', async () => {
        const { driver } = fixture();
        const harsh = { ...three, penalty: 1_000_000_000 };
        await hitTimes(driver, 5, harsh);
        await expect(look(driver, 'alice', harsh)).resolves.toMatchObject({ remaining: 0 });
      });

      it('is for the limit that denies, not for the others', async () => {
        const { driver } = fixture();
        const wide = policy({ strategy, name: 'wide', limit: 9, burst: 9, penalty: 5 });
        await exhaust(strict);
        await driver.consume(checks('alice', [strict, wide]));
        await expect(look(driver, 'alice', wide)).resolves.toMatchObject({ remaining: 9 });
      });
    });

    describe('a block', () => {
      const held = { ...three, block: { durationMs: 3 * WINDOW, longestMs: 10 * WINDOW } };

      it('denies everything for its time once somebody went over the limit', async () => {
        const { driver, clock } = fixture();
        expect(await exhaust(held)).toBe(3 * WINDOW);
        clock.advance(3 * WINDOW - 1);
        await expect(hit(driver, 'alice', held)).resolves.toMatchObject({
          allowed: false,
          remaining: 0,
          resetMs: 1,
          retryAfterMs: 1,
        });
        clock.advance(1);
        await expect(hit(driver, 'alice', held)).resolves.toMatchObject({ allowed: true });
      });

      it('is twice as long each time, up to the longest', async () => {
        const { clock } = fixture();
        const waits: number[] = [];
        for (let count = 0; count < 4; count += 1) {
          const wait = await exhaust(held);
          waits.push(wait / WINDOW);
          clock.advance(wait);
        }
        expect(waits).toEqual([3, 6, 10, 10]);
      });

      it('starts over after a pause as long as the last one', async () => {
        const { clock } = fixture();
        await exhaust(held);
        clock.advance(6 * WINDOW);
        expect(await exhaust(held)).toBe(3 * WINDOW);
      });

      it('forgets the hits where it is to, so that the whole limit is free after it', async () => {
        const { driver, clock } = fixture();
        const brief = { durationMs: 1_000, longestMs: 1_000 };
        const clearing = { ...three, block: { ...brief, clears: true } };
        expect(await exhaust(clearing)).toBe(1_000);
        clock.advance(999);
        await expect(hit(driver, 'alice', clearing)).resolves.toMatchObject({ remaining: 0 });
        clock.advance(1);
        await expect(hitTimes(driver, 4, clearing)).resolves.toBe(3);
        await expect(look(driver, 'alice', clearing)).resolves.toMatchObject({
          retryAfterMs: 1_000,
        });
      });

      it('is nobody else’s, and shown by a peek', async () => {
        const { driver } = fixture();
        await exhaust(held);
        await expect(hit(driver, 'bob', held)).resolves.toMatchObject({ allowed: true });
        await expect(look(driver, 'alice', held)).resolves.toMatchObject({
          allowed: false,
          retryAfterMs: 3 * WINDOW,
        });
      });

      it('is not made longer by those who come meanwhile', async () => {
        const { driver, clock } = fixture();
        await exhaust(held);
        clock.advance(WINDOW);
        await hitTimes(driver, 5, held);
        await expect(look(driver, 'alice', held)).resolves.toMatchObject({
          retryAfterMs: 2 * WINDOW,
        });
      });

      it('lasts no longer than it was meant to after the clock was set back', async () => {
        const { driver, clock } = fixture();
        await exhaust(held);
        clock.set(clock.now() - 100 * WINDOW);
        await expect(look(driver, 'alice', held)).resolves.toMatchObject({
          retryAfterMs: 3 * WINDOW,
        });
        clock.advance(3 * WINDOW);
        await expect(hit(driver, 'alice', held)).resolves.toMatchObject({ allowed: true });
      });

      it('is forgotten as long after its end where that came earlier, by a clock that was set back', async () => {
        const { driver, clock } = fixture();
        await exhaust(held);
        clock.set(clock.now() - 2 * WINDOW);
        await look(driver, 'alice', held);
        clock.advance(6 * WINDOW);
        expect(await exhaust(held)).toBe(3 * WINDOW);
      });

      it('ends with a reset, which finds it', async () => {
        const { driver } = fixture();
        await exhaust(held);
        await expect(driver.reset(checks('alice', [held]))).resolves.toBe(true);
        await expect(hit(driver, 'alice', held)).resolves.toMatchObject({ allowed: true });
      });
    });

    describe('a block by an operator', () => {
      const manual = { ...three, block: { durationMs: 0, longestMs: 0 } };

      it('denies who has used nothing, and replaces the one before', async () => {
        const { driver, clock } = fixture();
        await driver.block(checks('alice', [manual]), 5 * WINDOW);
        await driver.block(checks('alice', [manual]), 2 * WINDOW);
        await expect(hit(driver, 'alice', manual)).resolves.toMatchObject({
          allowed: false,
          retryAfterMs: 2 * WINDOW,
        });
        clock.advance(2 * WINDOW);
        await expect(hit(driver, 'alice', manual)).resolves.toMatchObject({ allowed: true });
      });

      it('is not what an exhausted limit does by itself', async () => {
        expect(await exhaust(manual)).toBeLessThanOrEqual(WINDOW + 1);
      });

      it('ends with a reset of a limit that would not look', async () => {
        const { driver } = fixture();
        await driver.block(checks('alice', [manual]), WINDOW);
        await expect(driver.reset(checks('alice', [three]))).resolves.toBe(true);
        await expect(hit(driver, 'alice', manual)).resolves.toMatchObject({ allowed: true });
      });

      it('is refused where the limit would not look', async () => {
        await expect(
          fixture().driver.block(checks('alice', [three]), WINDOW),
        ).rejects.toMatchObject({
          code: 'E_INVALID_OPTION',
          option: 'block',
        });
      });
    });

    describe('a grant', () => {
      it('lets so many more pass', async () => {
        const { driver } = fixture();
        await exhaust(three);
        await driver.grant(checks('alice', [three], 2));
        await expect(hitTimes(driver, 5, three)).resolves.toBe(2);
      });

      it('never gives more than the limit', async () => {
        const { driver } = fixture();
        await hitTimes(driver, 1, three);
        await driver.grant(checks('alice', [three], 3));
        await driver.grant(checks('nobody', [three], 3));
        await expect(look(driver, 'alice', three)).resolves.toMatchObject({ remaining: 3 });
        await expect(hitTimes(driver, 9, three)).resolves.toBe(3);
      });
    });
  });
}
