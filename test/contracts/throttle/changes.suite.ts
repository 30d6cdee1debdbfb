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

/** A new configuration meets counters of the old one, as in a rolling deploy. */
export function changesSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });

    it('admits the difference when the limit is raised', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await expect(hitTimes(driver, 5, { ...three, limit: 5 })).resolves.toBe(2);
    });

    it('denies at once when the limit is lowered below what is used', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await expect(hit(driver, 'alice', { ...three, limit: 2 })).resolves.toMatchObject({
        allowed: false,
        limit: 2,
        remaining: 0,
        retryAfterMs: WINDOW,
      });
    });

    it('still knows all hits when a lowered limit is raised again', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await hitTimes(driver, 3, { ...three, limit: 1 });
      await expect(look(driver, 'alice', { ...three, limit: 10 })).resolves.toMatchObject({
        remaining: 7,
      });
    });

    it('ends the wait sooner when the window is shortened', async () => {
      const { driver, clock } = fixture();
      const short = { ...three, windowMs: WINDOW / 2 };
      await hitTimes(driver, 3, three);
      clock.advance(WINDOW / 2 - 1);
      await expect(look(driver, 'alice', short)).resolves.toMatchObject({ retryAfterMs: 1 });
      clock.advance(1);
      await expect(hit(driver, 'alice', short)).resolves.toMatchObject({
        allowed: true,
        remaining: 2,
      });
    });

    it('makes hits that still count wait longer when the window is lengthened', async () => {
      const { driver, clock } = fixture();
      const long = { ...three, windowMs: 2 * WINDOW };
      await hitTimes(driver, 3, three);
      clock.advance(WINDOW - 1);
      await expect(hit(driver, 'alice', long)).resolves.toMatchObject({
        allowed: false,
        retryAfterMs: WINDOW + 1,
      });
    });
  });

  it('tells a lowered limit of a sliding window when enough hits have left', async () => {
    const { driver, clock } = fixture();
    for (let count = 0; count < 3; count += 1) {
      await hit(driver, 'alice', policy());
      clock.advance(10_000);
    }
    const one = policy({ limit: 1 });
    const whenLastHitLeaves = WINDOW - 10_000;
    await expect(look(driver, 'alice', one)).resolves.toMatchObject({
      remaining: 0,
      resetMs: whenLastHitLeaves,
      retryAfterMs: whenLastHitLeaves,
    });
    clock.advance(whenLastHitLeaves - 1);
    await expect(hit(driver, 'alice', one)).resolves.toMatchObject({ allowed: false });
    clock.advance(1);
    await expect(hit(driver, 'alice', one)).resolves.toMatchObject({ allowed: true });
  });
}
