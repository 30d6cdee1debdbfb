import {
  checks,
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  STRATEGIES,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

/** Looking without counting. */
export function peekSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });

    it('finds an unknown subject with its whole limit', async () => {
      const { driver, clock } = fixture();
      await expect(look(driver, 'nobody', three)).resolves.toEqual({
        policy: 'api',
        allowed: true,
        limit: 3,
        remaining: 3,
        resetMs: 0,
        retryAfterMs: 0,
        at: clock.now(),
      });
    });

    it('counts nothing, however often it is asked', async () => {
      const { driver } = fixture();
      await hit(driver, 'alice', three);
      for (let count = 0; count < 10; count += 1) {
        await expect(look(driver, 'alice', three)).resolves.toMatchObject({ remaining: 2 });
      }
      await expect(hitTimes(driver, 5, three)).resolves.toBe(2);
    });

    it('tells the wait that a denied hit is told', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.advance(12_345);
      const seen = await look(driver, 'alice', three);
      expect(seen).toMatchObject({ allowed: false, retryAfterMs: WINDOW - 12_345 });
      await expect(hit(driver, 'alice', three)).resolves.toEqual(seen);
    });

    it('is allowed again at the moment a hit is', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.advance(WINDOW - 1);
      await expect(look(driver, 'alice', three)).resolves.toMatchObject({ allowed: false });
      clock.advance(1);
      await expect(look(driver, 'alice', three)).resolves.toMatchObject({
        allowed: true,
        remaining: 3,
        resetMs: 0,
      });
    });

    it('denies as a whole when one of several policies would', async () => {
      const { driver } = fixture();
      const other = policy({ strategy, name: 'other' });
      await hitTimes(driver, 3, three);
      await expect(driver.peek(checks('alice', [other, three]))).resolves.toMatchObject({
        allowed: false,
        decisions: [
          { policy: 'other', allowed: true, remaining: 3 },
          { policy: 'api', allowed: false, remaining: 0 },
        ],
      });
    });
  });

  it('allows everything where there is no policy', async () => {
    await expect(fixture().driver.peek(checks('alice', []))).resolves.toMatchObject({
      allowed: true,
      decisions: [],
    });
  });
}
