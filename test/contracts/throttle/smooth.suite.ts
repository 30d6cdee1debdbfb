import {
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

/** Strategies whose hits come free again bit by bit. */
export function smoothSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe('sliding-window-counter', () => {
    const ten = policy({ strategy: 'sliding-window-counter', limit: 10 });

    it('admits exactly the limit in its first window', async () => {
      await expect(hitTimes(fixture().driver, 20, ten)).resolves.toBe(10);
    });

    it('counts the window before as far as it still overlaps', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 10, ten);
      clock.advance(WINDOW);
      await expect(look(driver, 'alice', ten)).resolves.toMatchObject({ remaining: 0 });
      clock.advance(WINDOW / 2);
      await expect(look(driver, 'alice', ten)).resolves.toMatchObject({ remaining: 5 });
      await expect(hitTimes(driver, 10, ten)).resolves.toBe(5);
      clock.advance(WINDOW / 2);
      await expect(look(driver, 'alice', ten)).resolves.toMatchObject({ remaining: 5 });
    });

    it('remembers nothing two windows later', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 10, ten);
      clock.advance(2 * WINDOW);
      await expect(look(driver, 'alice', ten)).resolves.toMatchObject({
        remaining: 10,
        resetMs: 0,
      });
    });

    it('lets a client at twice the limit have all of it', async () => {
      const { driver, clock } = fixture();
      let passed = await hitTimes(driver, 10, ten);
      for (let count = 0; count < 200; count += 1) {
        clock.advance(WINDOW / 20);
        passed += await hitTimes(driver, 1, ten);
      }
      expect(passed).toBeGreaterThanOrEqual(100);
      expect(passed).toBeLessThanOrEqual(110);
    });
  });

  describe.each(['token-bucket', 'gcra'] as const)('%s', (strategy) => {
    const six = policy({ strategy, limit: 6, burst: 3 });
    const refillMs = WINDOW / 6;

    it('admits the burst at once, and then one for each token that came back', async () => {
      const { driver, clock } = fixture();
      await expect(hitTimes(driver, 10, six)).resolves.toBe(3);
      clock.advance(refillMs - 1);
      await expect(hit(driver, 'alice', six)).resolves.toMatchObject({
        allowed: false,
        limit: 6,
        remaining: 0,
        resetMs: 1,
        retryAfterMs: 1,
      });
      clock.advance(1);
      await expect(hitTimes(driver, 10, six)).resolves.toBe(1);
      clock.advance(2 * refillMs);
      await expect(hitTimes(driver, 10, six)).resolves.toBe(2);
    });

    it('holds no more than the burst, however long nobody came', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, six);
      clock.advance(100 * WINDOW);
      await expect(look(driver, 'alice', six)).resolves.toMatchObject({ remaining: 3, resetMs: 0 });
      await expect(hitTimes(driver, 10, six)).resolves.toBe(3);
    });

    it('keeps the fraction of a token where the window is no multiple of the limit', async () => {
      const { driver, clock } = fixture();
      const seven = policy({ strategy, limit: 7, burst: 1 });
      await hit(driver, 'alice', seven);
      let passed = 0;
      for (let second = 0; second < 420; second += 1) {
        clock.advance(1_000);
        passed += await hitTimes(driver, 1, seven);
      }
      // Asked every second, a token that is whole in between waits for the next one: 9 s for each.
      expect(passed).toBe(46);
      clock.advance(WINDOW);
      await hit(driver, 'alice', seven);
      await expect(hit(driver, 'alice', seven)).resolves.toMatchObject({ retryAfterMs: 8_572 });
    });

    it('has as much missing as before where the clock was set back', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 1, six);
      clock.set(clock.now() - 10 * WINDOW);
      await expect(look(driver, 'alice', six)).resolves.toMatchObject({
        remaining: 2,
        resetMs: refillMs,
      });
      clock.advance(refillMs);
      await expect(hitTimes(driver, 10, six)).resolves.toBe(3);
    });

    it('still misses what was used after its burst was made smaller', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, six);
      const small = { ...six, burst: 1 };
      await expect(look(driver, 'alice', small)).resolves.toMatchObject({
        remaining: 0,
        resetMs: 3 * refillMs,
        retryAfterMs: 3 * refillMs,
      });
      clock.advance(3 * refillMs);
      await expect(hitTimes(driver, 5, small)).resolves.toBe(1);
    });

    it('is not changed by those who look at it with a smaller burst, or are denied', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, six);
      const small = { ...six, burst: 1 };
      await look(driver, 'alice', small);
      await hit(driver, 'alice', small);
      await expect(look(driver, 'alice', six)).resolves.toMatchObject({
        remaining: 0,
        retryAfterMs: refillMs,
      });
    });
  });
}
