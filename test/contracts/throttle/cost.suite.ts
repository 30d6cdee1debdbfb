import {
  ALL_STRATEGIES,
  checks,
  counted,
  look,
  type OpenThrottle,
  policy,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

const REFUSAL = { code: 'E_INVALID_OPTION', option: 'cost' };

/** Hits that are worth several, and hits that are taken back. */
export function costSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(ALL_STRATEGIES)('%s', (strategy) => {
    const five = policy({ strategy, limit: 5 });

    it('counts a hit as many times as it costs', async () => {
      const { driver } = fixture();
      await expect(driver.consume(checks('alice', [five], 3))).resolves.toMatchObject({
        allowed: true,
        decisions: [{ remaining: 2 }],
      });
    });

    it('denies what costs more than is left, and still admits what does not', async () => {
      const { driver } = fixture();
      await driver.consume(checks('alice', [five], 3));
      await expect(driver.consume(checks('alice', [five], 3))).resolves.toMatchObject({
        allowed: false,
        decisions: [{ remaining: 2 }],
      });
      await expect(driver.consume(checks('alice', [five], 2))).resolves.toMatchObject({
        allowed: true,
      });
    });

    it('tells how long a costly hit has to wait, to the millisecond', async () => {
      const { driver, clock } = fixture();
      await driver.consume(checks('alice', [five], 2));
      clock.advance(1_000);
      await driver.consume(checks('alice', [five], 3));
      const { decisions } = await driver.consume(checks('alice', [five], 4));
      clock.advance((decisions[0]?.retryAfterMs ?? 0) - 1);
      await expect(driver.consume(checks('alice', [five], 4))).resolves.toMatchObject({
        allowed: false,
      });
      clock.advance(1);
      await expect(driver.consume(checks('alice', [five], 4))).resolves.toMatchObject({
        allowed: true,
      });
    });

    it.each([0, -1, 1.5, Number.NaN, 6])(
      'refuses a cost of %p and counts nothing',
      async (cost) => {
        const { driver } = fixture();
        await expect(driver.consume(checks('alice', [five], cost))).rejects.toMatchObject(REFUSAL);
        await expect(driver.peek(checks('alice', [five], cost))).rejects.toMatchObject(REFUSAL);
        await expect(look(driver, 'alice', five)).resolves.toMatchObject({
          remaining: 5,
          resetMs: 0,
        });
      },
    );

    it('takes a hit back, and only that one', async () => {
      const { driver, clock } = fixture();
      await driver.consume(checks('alice', [five], 2));
      clock.advance(10);
      const before = await driver.peek(checks('alice', [five]));
      const three = checks('alice', [five], 3);
      const outcome = await driver.consume(three);
      await expect(driver.refund(counted(three, outcome))).resolves.toBe(true);
      await expect(driver.peek(checks('alice', [five]))).resolves.toEqual(before);
    });

    it('takes nothing back of which nothing counts any more', async () => {
      const { driver, clock } = fixture();
      const two = checks('alice', [five], 2);
      const outcome = await driver.consume(two);
      clock.advance(3 * WINDOW);
      await driver.consume(checks('alice', [five], 1));
      await expect(driver.refund(counted(two, outcome))).resolves.toBe(false);
      await expect(look(driver, 'alice', five)).resolves.toMatchObject({ remaining: 4 });
      const ofBob = counted(checks('bob', [five], 2), outcome);
      await expect(driver.refund(ofBob)).resolves.toBe(false);
    });

    it('gives back no more than is there, where the hit was forgotten meanwhile', async () => {
      const { driver } = fixture();
      const three = checks('alice', [five], 3);
      const outcome = await driver.consume(three);
      await driver.reset(checks('alice', [five]));
      await driver.consume(checks('alice', [five], 1));
      await driver.refund(counted(three, outcome));
      const { remaining } = await look(driver, 'alice', five);
      expect(remaining).toBeLessThanOrEqual(5);
      await expect(driver.consume(checks('alice', [five], 5))).resolves.toMatchObject({
        allowed: remaining === 5,
      });
    });

    it('gives back nothing after the clock was set back behind the hit', async () => {
      const { driver, clock } = fixture();
      const two = checks('alice', [five], 2);
      const outcome = await driver.consume(two);
      clock.set(clock.now() - 1_000);
      const before = await driver.peek(checks('alice', [five]));
      await expect(driver.refund(counted(two, outcome))).resolves.toBe(false);
      await expect(driver.peek(checks('alice', [five]))).resolves.toEqual(before);
    });

    it('takes nothing back that was counted elsewhere', async () => {
      const { driver } = fixture();
      const two = checks('alice', [five], 2);
      const outcome = { ...(await driver.consume(two)), backing: 'custom' } as const;
      await expect(driver.refund(counted(two, outcome))).resolves.toBe(false);
      await expect(look(driver, 'alice', five)).resolves.toMatchObject({ remaining: 3 });
    });

    it('takes a hit back once where policies share its counter', async () => {
      const { driver } = fixture();
      const wide = { ...five, limit: 9, burst: 9 };
      await driver.consume(checks('alice', [five], 1));
      const both = checks('alice', [five, wide], 2);
      await driver.refund(counted(both, await driver.consume(both)));
      await expect(look(driver, 'alice', five)).resolves.toMatchObject({ remaining: 4 });
    });
  });

  it('counts a costly hit under all policies or under none', async () => {
    const { driver } = fixture();
    const policies = ALL_STRATEGIES.map((strategy, index) =>
      policy({ name: `p${index}`, strategy, limit: 10 - index }),
    );
    await driver.consume(checks('alice', policies, 4));
    await expect(driver.consume(checks('alice', policies, 4))).resolves.toMatchObject({
      allowed: false,
    });
    const { decisions } = await driver.peek(checks('alice', policies));
    expect(decisions.map(({ remaining }) => remaining)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it('takes a hit of thousands in a sliding window', async () => {
    const { driver } = fixture();
    const many = policy({ limit: 10_000 });
    const hit = checks('alice', [many], 2_500);
    const outcome = await driver.consume(hit);
    await expect(look(driver, 'alice', many)).resolves.toMatchObject({ remaining: 7_500 });
    await driver.refund(counted(hit, outcome));
    await expect(look(driver, 'alice', many)).resolves.toMatchObject({ remaining: 10_000 });
  });
}
