import type { ThrottleCheck } from '../../../src/modules/throttle/index.js';
import {
  ALL_STRATEGIES,
  checks,
  counted,
  look,
  type OpenThrottle,
  policy,
  useFixture,
} from './throttle-fixture.js';

/** An IP address, a user and a tenant that one hit counts for; in a Cluster on several nodes. */
export function subjectsSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(ALL_STRATEGIES)('%s', (strategy) => {
    const ip = policy({ name: 'ip', strategy, limit: 9, burst: 9 });
    const user = policy({ name: 'user', strategy, limit: 2, burst: 2 });
    const hit: readonly ThrottleCheck[] = [
      { subject: '192.0.2.7', policy: ip, cost: 1 },
      { subject: 'user:ada', policy: user, cost: 1 },
      { subject: 'tenant:x', policy: ip, cost: 3 },
      { subject: '192.0.2.7', policy: user, cost: 1 },
    ];
    const remainings = async (): Promise<readonly number[]> => {
      const { decisions } = await fixture().driver.peek(hit);
      return decisions.map(({ remaining }) => remaining);
    };

    it('counts a hit for each of them, at its own cost, and answers in the order asked', async () => {
      const outcome = await fixture().driver.consume(hit);
      expect(outcome.allowed).toBe(true);
      expect(outcome.decisions.map((each) => [each.policy, each.remaining])).toEqual([
        ['ip', 8],
        ['user', 1],
        ['ip', 6],
        ['user', 1],
      ]);
    });

    it('counts for none of them where one is at its limit', async () => {
      const { driver } = fixture();
      await driver.consume(hit);
      await driver.consume(checks('user:ada', [user]));
      const before = await remainings();
      expect(before).toEqual([8, 0, 6, 1]);
      const outcome = await driver.consume(hit);
      expect(outcome.allowed).toBe(false);
      expect(outcome.decisions.map(({ allowed }) => allowed)).toEqual([true, false, true, true]);
      expect(outcome.decisions.map(({ remaining }) => remaining)).toEqual(before);
      expect(await remainings()).toEqual(before);
    });

    it('takes a hit back from all of them, or from some', async () => {
      const { driver } = fixture();
      const taken = counted(hit, await driver.consume(hit));
      await expect(driver.refund(taken.slice(0, 2))).resolves.toBe(true);
      expect(await remainings()).toEqual([9, 2, 6, 1]);
      await driver.refund(taken.slice(2));
      expect(await remainings()).toEqual([9, 2, 9, 2]);
    });

    it('forgets all of them', async () => {
      const { driver } = fixture();
      await driver.consume(hit);
      await expect(driver.reset(hit)).resolves.toBe(true);
      expect(await remainings()).toEqual([9, 2, 9, 2]);
      await expect(driver.reset(hit)).resolves.toBe(false);
    });
  });

  it('admits exactly the limit of the scarcest to hits at the same time', async () => {
    const { driver } = fixture();
    const wide = policy({ name: 'wide', limit: 1_000 });
    const narrow = policy({ name: 'narrow', limit: 5 });
    const hit = [
      { subject: 'a', policy: wide, cost: 1 },
      { subject: 'b', policy: narrow, cost: 1 },
    ];
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => driver.consume(hit)));
    expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(5);
    await expect(look(driver, 'a', wide)).resolves.toMatchObject({ remaining: 995 });
  });
}
