import {
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  STRATEGIES,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

const HOUR = 3_600_000;

/** The wall clock is set by an operator or by NTP while hits are counted. */
export function clockSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });

    it('locks nobody out for longer than a window after the clock was set back', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.set(clock.now() - 10 * HOUR);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: false,
        retryAfterMs: WINDOW,
      });
      clock.advance(WINDOW - 1);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: false,
        retryAfterMs: 1,
      });
      clock.advance(1);
      await expect(hitTimes(driver, 5, three)).resolves.toBe(3);
    });

    it('keeps the promised wait when a peek is the first to see the clock set back', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.set(clock.now() - 7_000);
      await expect(look(driver, 'alice', three)).resolves.toMatchObject({ retryAfterMs: WINDOW });
      clock.advance(WINDOW);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({ allowed: true });
    });

    it('admits nothing more when the clock was set back', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 2, three);
      clock.set(clock.now() - 7_000);
      await expect(hitTimes(driver, 5, three)).resolves.toBe(1);
      clock.advance(WINDOW - 1);
      await expect(hitTimes(driver, 5, three)).resolves.toBe(0);
    });

    it('stays within the limit while the clock is set back again and again', async () => {
      const { driver, clock } = fixture();
      let passed = 0;
      for (let second = 0; second < 59; second += 1) {
        passed += await hitTimes(driver, 2, three);
        clock.advance(1_000);
        clock.set(clock.now() - 3_000);
      }
      expect(passed).toBe(3);
    });

    it('admits at most the limit once more when the clock was set forward', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.set(clock.now() + 10 * HOUR);
      await expect(hitTimes(driver, 10, three)).resolves.toBe(3);
    });

    it('recovers within a window when a clock set forward is corrected', async () => {
      const { driver, clock } = fixture();
      const right = clock.now();
      clock.set(right + 10 * HOUR);
      await hitTimes(driver, 3, three);
      clock.set(right);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: false,
        retryAfterMs: WINDOW,
      });
      clock.advance(WINDOW);
      await expect(hitTimes(driver, 10, three)).resolves.toBe(3);
    });

    it('loses no hit to a leap of one millisecond', async () => {
      const { driver, clock } = fixture();
      await hit(driver, 'alice', three);
      clock.set(clock.now() - 1);
      await hit(driver, 'alice', three);
      clock.set(clock.now() + 1);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({ remaining: 0 });
    });
  });
}
