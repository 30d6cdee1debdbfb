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

const HOUR = 3_600_000;

/** Several policies of one hit: it counts under all of them or under none. */
export function denialSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const narrow = policy({ strategy, name: 'narrow', limit: 1 });
    const wide = policy({ strategy, name: 'wide', limit: 5, windowMs: HOUR });

    it('does not prolong the wait of a client that keeps asking', async () => {
      const { driver, clock } = fixture();
      await hit(driver, 'alice', narrow);
      for (let second = 0; second < 60; second += 1) {
        await expect(hit(driver, 'alice', narrow)).resolves.toMatchObject({
          allowed: false,
          retryAfterMs: WINDOW - second * 1_000,
        });
        clock.advance(1_000);
      }
      await expect(hit(driver, 'alice', narrow)).resolves.toMatchObject({ allowed: true });
    });

    it('counts under no policy when one is exhausted, wherever that one stands', async () => {
      const { driver } = fixture();
      await driver.consume(checks('alice', [narrow, wide]));
      await driver.consume(checks('alice', [narrow, wide]));
      await driver.consume(checks('alice', [wide, narrow]));
      await expect(look(driver, 'alice', wide)).resolves.toMatchObject({ remaining: 4 });
    });

    it('says of each policy, in the order asked, what it alone would have said', async () => {
      const { driver, clock } = fixture();
      await driver.consume(checks('alice', [wide, narrow]));
      clock.advance(1_000);
      await expect(driver.consume(checks('alice', [wide, narrow]))).resolves.toMatchObject({
        allowed: false,
        decisions: [
          {
            policy: 'wide',
            allowed: true,
            limit: 5,
            remaining: 4,
            resetMs: HOUR - 1_000,
            retryAfterMs: 0,
          },
          {
            policy: 'narrow',
            allowed: false,
            limit: 1,
            remaining: 0,
            resetMs: WINDOW - 1_000,
            retryAfterMs: WINDOW - 1_000,
          },
        ],
      });
    });

    it('admits after the longest wait of several exhausted policies, not after a shorter', async () => {
      const { driver, clock } = fixture();
      const both = [narrow, { ...wide, limit: 1 }];
      await driver.consume(checks('alice', both));
      const { decisions } = await driver.consume(checks('alice', both));
      expect(decisions.map(({ retryAfterMs }) => retryAfterMs)).toEqual([WINDOW, HOUR]);
      clock.advance(WINDOW);
      await expect(driver.consume(checks('alice', both))).resolves.toMatchObject({
        allowed: false,
      });
      clock.advance(HOUR - WINDOW);
      await expect(driver.consume(checks('alice', both))).resolves.toMatchObject({ allowed: true });
    });

    it('does not begin the window of a policy that was never hit', async () => {
      const { driver } = fixture();
      await hit(driver, 'alice', narrow);
      await driver.consume(checks('alice', [narrow, wide]));
      await expect(look(driver, 'alice', wide)).resolves.toMatchObject({
        remaining: 5,
        resetMs: 0,
      });
    });

    it('counts a hit once where policies share a counter', async () => {
      const { driver } = fixture();
      const strict = { ...wide, limit: 2 };
      await expect(driver.consume(checks('alice', [wide, strict]))).resolves.toMatchObject({
        decisions: [{ remaining: 4 }, { remaining: 1 }],
      });
      await expect(driver.consume(checks('alice', [wide, strict]))).resolves.toMatchObject({
        allowed: true,
        decisions: [{ remaining: 3 }, { remaining: 0 }],
      });
      await expect(driver.consume(checks('alice', [wide, strict]))).resolves.toMatchObject({
        allowed: false,
        decisions: [{ allowed: true }, { allowed: false }],
      });
    });
  });

  it('decides over five policies of both strategies together', async () => {
    const { driver } = fixture();
    const limits = [9, 7, 4, 8, 6];
    const policies = limits.map((limit, index) =>
      policy({ name: `p${index}`, limit, strategy: index % 2 ? 'fixed-window' : 'sliding-window' }),
    );
    let passed = 0;
    for (let count = 0; count < 10; count += 1) {
      if ((await driver.consume(checks('alice', policies))).allowed) passed += 1;
    }
    expect(passed).toBe(4);
    const { decisions } = await driver.peek(checks('alice', policies));
    expect(decisions.map(({ remaining }) => remaining)).toEqual([5, 3, 0, 4, 2]);
  });

  it('gives a client at twice the limit all of the limit', async () => {
    const { driver, clock } = fixture();
    const minute = policy({ limit: 10 });
    let passed = 0;
    for (let count = 0; count < 200; count += 1) {
      clock.advance(WINDOW / 20);
      passed += await hitTimes(driver, 1, minute);
    }
    expect(passed).toBe(100);
  });
}
