import { claim, HOUR, type OpenLocks, useLocks } from './lock-fixtures.js';

/** All or none. */
export function severalKeysSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const [one, other, third] = ['one', 'other', 'third'].map((key) => () => claim({ key })) as [
    () => ReturnType<typeof claim>,
    () => ReturnType<typeof claim>,
    () => ReturnType<typeof claim>,
  ];

  it('free locks are granted together, each with a fence', async () => {
    const answer = await locks().driver.acquireAll([one(), other()]);
    expect(answer).toMatchObject({
      outcome: 'acquired',
      grants: [{ remainingMs: locks().relied(HOUR) }, { remainingMs: locks().relied(HOUR) }],
    });
    const grants = answer.outcome === 'acquired' ? answer.grants : [];
    for (const { fence } of grants) expect(fence).toBeGreaterThan(0);
    for (const asked of [one(), other()]) {
      expect(await locks().driver.acquire(asked)).toMatchObject({ outcome: 'busy' });
    }
  });

  it('where one is busy none is taken, and it is named', async () => {
    const { driver } = locks();
    await driver.acquire(other());
    const answer = await driver.acquireAll([one(), other(), third()]);
    expect(answer).toMatchObject({ outcome: 'busy', key: 'other' });
    expect(answer.outcome === 'busy' && answer.remainingMs).toBeGreaterThan(HOUR - 60_000);
    expect((await driver.list(10)).map(({ key }) => key)).toEqual(['other']);
  });

  it('the same tokens get the answer again that was lost', async () => {
    const asked = [one(), other()];
    await locks().driver.acquireAll(asked);
    expect(await locks().driver.acquireAll(asked)).toMatchObject(acquired);
  });

  it('each is released by itself', async () => {
    const { driver } = locks();
    const asked = [one(), other()] as const;
    await driver.acquireAll(asked);
    expect(await driver.release(asked[0])).toBe('released');
    expect(await driver.acquire(one())).toMatchObject(acquired);
    expect(await driver.acquire(other())).toMatchObject({ outcome: 'busy' });
    expect(await driver.release(asked[1])).toBe('released');
  });

  it('refuses a wrong time to live and takes nothing', async () => {
    const wrong = [one(), { ...other(), ttlMs: 0 }];
    await expect(locks().driver.acquireAll(wrong)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    expect(await locks().driver.list(1)).toEqual([]);
  });
}
