import {
  checks,
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  STRATEGIES,
  useFixture,
} from './throttle-fixture.js';

/** Forgetting a subject's hits on request. */
export function resetSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    const three = policy({ strategy });
    const other = policy({ strategy, name: 'other' });

    it('gives an exhausted subject its whole limit back', async () => {
      const { driver } = fixture();
      await hitTimes(driver, 3, three);
      await expect(driver.reset(checks('alice', [three]))).resolves.toBe(true);
      await expect(look(driver, 'alice', three)).resolves.toMatchObject({
        remaining: 3,
        resetMs: 0,
      });
      await expect(hitTimes(driver, 5, three)).resolves.toBe(3);
    });

    it('says whether there was anything to forget', async () => {
      const { driver } = fixture();
      await expect(driver.reset(checks('alice', [three]))).resolves.toBe(false);
      await hit(driver, 'alice', three);
      await expect(driver.reset(checks('alice', [other, three]))).resolves.toBe(true);
      await expect(driver.reset(checks('alice', [other, three]))).resolves.toBe(false);
    });

    it('leaves other subjects and other policies alone', async () => {
      const { driver } = fixture();
      await hit(driver, 'alice', three);
      await hit(driver, 'alice', other);
      await hit(driver, 'bob', three);
      await driver.reset(checks('alice', [three]));
      await expect(look(driver, 'alice', other)).resolves.toMatchObject({ remaining: 2 });
      await expect(look(driver, 'bob', three)).resolves.toMatchObject({ remaining: 2 });
    });

    it('forgets several policies in one call', async () => {
      const { driver } = fixture();
      await driver.consume(checks('alice', [three, other]));
      await expect(driver.reset(checks('alice', [three, other]))).resolves.toBe(true);
      const { decisions } = await driver.peek(checks('alice', [three, other]));
      expect(decisions.map(({ remaining }) => remaining)).toEqual([3, 3]);
    });
  });

  it('has nothing to forget where there is no policy', async () => {
    const { driver } = fixture();
    await hit(driver, 'alice', policy());
    await expect(driver.reset(checks('alice', []))).resolves.toBe(false);
    await expect(look(driver, 'alice', policy())).resolves.toMatchObject({ remaining: 2 });
  });
}
