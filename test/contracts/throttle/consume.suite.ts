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

/** Counting hits: the limit, its boundaries, and what shares a counter. */
export function consumeSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  it.each(STRATEGIES)(
    'gives a client at twice the limit 100 ± 1 of 100 in each of ten windows (%s)',
    async (strategy) => {
      const { driver, clock } = fixture();
      const hundred = policy({ strategy, limit: 100 });
      const passed = Array.from({ length: 10 }, () => 0);
      for (const window of passed.keys()) {
        for (let step = 0; step < 20; step += 1) {
          const hits = Array.from({ length: 10 }, () => hit(driver, 'alice', hundred));
          const allowed = (await Promise.all(hits)).filter((each) => each.allowed);
          passed[window] = (passed[window] ?? 0) + allowed.length;
          clock.advance(WINDOW / 20);
        }
      }
      expect(passed.filter((count) => Math.abs(count - 100) > 1)).toEqual([]);
    },
  );

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });

    it('admits exactly the limit', async () => {
      await expect(hitTimes(fixture().driver, 10, three)).resolves.toBe(3);
    });

    it('tells a fresh subject everything about its first hit', async () => {
      await expect(fixture().driver.consume(checks('alice', [three]))).resolves.toMatchObject({
        allowed: true,
        decisions: [
          {
            policy: 'api',
            allowed: true,
            limit: 3,
            remaining: 2,
            resetMs: WINDOW,
            retryAfterMs: 0,
          },
        ],
      });
    });

    it('counts remaining down and tells how long the last hit has to wait', async () => {
      const { driver, clock } = fixture();
      await hit(driver, 'alice', three);
      clock.advance(1_000);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        remaining: 1,
        resetMs: WINDOW - 1_000,
      });
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: true,
        remaining: 0,
        retryAfterMs: 0,
      });
      await expect(hit(driver, 'alice', three)).resolves.toEqual({
        policy: 'api',
        allowed: false,
        limit: 3,
        remaining: 0,
        resetMs: WINDOW - 1_000,
        retryAfterMs: WINDOW - 1_000,
        at: clock.now(),
      });
    });

    it('admits a hit when the window has passed and none a millisecond earlier', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.advance(WINDOW - 1);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: false,
        retryAfterMs: 1,
      });
      clock.advance(1);
      await expect(hit(driver, 'alice', three)).resolves.toMatchObject({
        allowed: true,
        remaining: 2,
        resetMs: WINDOW,
      });
    });

    it('starts over after a long silence', async () => {
      const { driver, clock } = fixture();
      await hitTimes(driver, 3, three);
      clock.advance(100 * WINDOW);
      await expect(hitTimes(driver, 10, three)).resolves.toBe(3);
    });

    it('admits one hit per window under a limit of one', async () => {
      const { driver, clock } = fixture();
      const one = policy({ strategy, limit: 1 });
      for (let window = 0; window < 3; window += 1) {
        await expect(hitTimes(driver, 3, one)).resolves.toBe(1);
        clock.advance(WINDOW);
      }
    });

    it('counts every subject and every policy name apart', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await expect(hit(driver, 'bob', three)).resolves.toMatchObject({ remaining: 2 });
      const other = policy({ strategy, name: 'other' });
      await expect(hit(driver, 'alice', other)).resolves.toMatchObject({ remaining: 2 });
      await expect(look(driver, 'alice', three)).resolves.toMatchObject({ remaining: 0 });
    });

    it('holds a window of one day', async () => {
      const { driver, clock } = fixture();
      const daily = policy({ strategy, windowMs: 86_400_000 });
      await hitTimes(driver, 3, daily);
      clock.advance(86_400_000 - 1);
      await expect(hit(driver, 'alice', daily)).resolves.toMatchObject({ retryAfterMs: 1 });
      clock.advance(1);
      await expect(hit(driver, 'alice', daily)).resolves.toMatchObject({ allowed: true });
    });
  });

  it('lets each hit of a sliding window leave on its own', async () => {
    const { driver, clock } = fixture();
    for (let count = 0; count < 3; count += 1) {
      await hit(driver, 'alice', policy());
      clock.advance(10_000);
    }
    await expect(look(driver, 'alice', policy())).resolves.toMatchObject({ retryAfterMs: 30_000 });
    for (let count = 0; count < 3; count += 1) {
      clock.advance(count === 0 ? 30_000 : 10_000);
      await expect(hitTimes(driver, 2, policy())).resolves.toBe(1);
    }
  });

  it('forgets a fixed window as a whole, counted from its first hit', async () => {
    const { driver, clock } = fixture();
    const fixed = policy({ strategy: 'fixed-window' });
    await hit(driver, 'alice', fixed);
    clock.advance(WINDOW - 5_000);
    await expect(hitTimes(driver, 5, fixed)).resolves.toBe(2);
    clock.advance(5_000);
    await expect(hitTimes(driver, 5, fixed)).resolves.toBe(3);
  });

  it('keeps the two strategies of one name apart', async () => {
    const { driver } = fixture();
    await hitTimes(driver, 3, policy({ strategy: 'sliding-window' }));
    await expect(hitTimes(driver, 5, policy({ strategy: 'fixed-window' }))).resolves.toBe(3);
  });

  it('keeps count far beyond what a list could hold in a fixed window', async () => {
    const huge = policy({ strategy: 'fixed-window', limit: 1_000_000_000 });
    const { driver } = fixture();
    await hit(driver, 'alice', huge);
    await expect(hit(driver, 'alice', huge)).resolves.toMatchObject({ remaining: 999_999_998 });
  });

  it('drops hundreds of expired hits at once', async () => {
    const { driver, clock } = fixture();
    const many = policy({ limit: 250 });
    await expect(hitTimes(driver, 251, many)).resolves.toBe(250);
    clock.advance(WINDOW);
    await expect(hit(driver, 'alice', many)).resolves.toMatchObject({
      remaining: 249,
      resetMs: WINDOW,
    });
  });

  it('allows everything where there is no policy', async () => {
    await expect(fixture().driver.consume(checks('alice', []))).resolves.toMatchObject({
      allowed: true,
      decisions: [],
    });
  });
}
