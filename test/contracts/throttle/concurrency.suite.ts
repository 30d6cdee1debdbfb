import {
  ALL_STRATEGIES,
  checks,
  look,
  type OpenThrottle,
  policy,
  useFixture,
} from './throttle-fixture.js';

const CALLERS = Array.from({ length: 50 }, (_, index) => index);

/** Calls at the same time. */
export function concurrencySuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  it.each(ALL_STRATEGIES)(
    'admits exactly the limit to 50 parallel callers (%s)',
    async (strategy) => {
      const { driver } = fixture();
      const twenty = policy({ strategy, limit: 20 });
      const outcomes = await Promise.all(
        CALLERS.map(() => driver.consume(checks('alice', [twenty]))),
      );
      const passed = outcomes.filter(({ allowed }) => allowed);
      expect(passed).toHaveLength(20);
      const told = passed.map(({ decisions }) => decisions[0]?.remaining);
      expect(new Set(told).size).toBe(20);
    },
  );

  it('counts 50 parallel callers under all of their policies or under none', async () => {
    const { driver } = fixture();
    const fixed = policy({ name: 'fixed', strategy: 'fixed-window', limit: 30 });
    const sliding = policy({ name: 'sliding', limit: 12 });
    await Promise.all(
      CALLERS.map((index) =>
        driver.consume(checks('alice', index % 2 ? [fixed, sliding] : [sliding, fixed])),
      ),
    );
    await expect(look(driver, 'alice', sliding)).resolves.toMatchObject({ remaining: 0 });
    await expect(look(driver, 'alice', fixed)).resolves.toMatchObject({ remaining: 18 });
  });

  it('does not count parallel subjects together', async () => {
    const { driver } = fixture();
    const outcomes = await Promise.all(
      CALLERS.map((index) => driver.consume(checks(`user-${index}`, [policy({ limit: 1 })]))),
    );
    expect(outcomes.every(({ allowed }) => allowed)).toBe(true);
  });

  it('never admits twice what resets in between give back', async () => {
    const { driver } = fixture();
    const one = policy({ limit: 1 });
    const answers = await Promise.all(
      CALLERS.map((index) =>
        index % 5 === 4
          ? driver.reset(checks('alice', [one]))
          : driver.consume(checks('alice', [one])),
      ),
    );
    const passed = answers.filter((answer) => typeof answer === 'object' && answer.allowed);
    const forgotten = answers.filter((answer) => answer === true);
    expect(passed.length - forgotten.length).toBeGreaterThanOrEqual(0);
    expect(passed.length - forgotten.length).toBeLessThanOrEqual(1);
  });
}
