import { claim, HOUR, type OpenLocks, useLocks } from './lock-fixtures.js';

const CALLERS = Array.from({ length: 50 }, (_, caller) => caller);

/** Fifty callers at once. */
export function parallelSuite(open: OpenLocks): void {
  const locks = useLocks(open);

  it('of 50 parallel claims one is granted', async () => {
    const answers = await Promise.all(CALLERS.map(() => locks().driver.acquire(claim())));
    expect(answers.filter(({ outcome }) => outcome === 'acquired')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('50 parallel claims with one token are all granted, and one release ends them', async () => {
    const asked = claim();
    const answers = await Promise.all(CALLERS.map(() => locks().driver.acquire(asked)));
    expect(answers.every(({ outcome }) => outcome === 'acquired')).toBe(true);
    await locks().driver.release(asked);
    expect(await locks().driver.acquire(claim())).toMatchObject({ outcome: 'acquired' });
  });

  it('50 parallel holders of 50 locks do not meet', async () => {
    const outcomes = await Promise.all(
      CALLERS.map(async (caller) => {
        const held = claim({ key: `own:${caller}` });
        const acquired = await locks().driver.acquire(held);
        const extended = await locks().driver.extend(held, 2 * HOUR);
        return [acquired.outcome, extended.outcome, await locks().driver.release(held)];
      }),
    );
    expect(outcomes).toEqual(CALLERS.map(() => ['acquired', 'extended', 'released']));
  });

  it('a lock taken away by 50 operators is taken away once', async () => {
    await locks().driver.acquire(claim());
    const taken = await Promise.all(CALLERS.map(() => locks().driver.forceRelease('job')));
    expect(taken.filter((lock) => lock !== undefined)).toHaveLength(1);
  });

  it('callers that try until they succeed are never two inside', async () => {
    let inside = 0;
    let most = 0;
    let rounds = 0;
    const work = async (): Promise<void> => {
      const asked = claim();
      while ((await locks().driver.acquire(asked)).outcome !== 'acquired') await nextTurn();
      inside += 1;
      most = Math.max(most, inside);
      await nextTurn();
      inside -= 1;
      rounds += 1;
      expect(await locks().driver.release(asked)).toBe('released');
    };
    await Promise.all(CALLERS.slice(0, 10).map(work));
    expect([most, rounds]).toEqual([1, 10]);
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
