import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** A lock that is to be held at least for a time. */
export function holdAtLeastSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const busy = { outcome: 'busy' };

  it('stays busy after its release, which is done', async () => {
    const { driver } = locks();
    const held = claim();
    const release = { ...held, holdAtLeastMs: HOUR };
    await driver.acquire(held);
    expect(await driver.release(release)).toBe('released');
    expect(await driver.release(release)).toBe('released');
    expect(await driver.acquire(claim())).toMatchObject(busy);
    expect(await driver.extend(held, HOUR)).toEqual({ outcome: 'lost' });
    const tokenPrefix = `-${held.token.slice(0, 5)}`;
    expect(await driver.list(1)).toMatchObject([{ key: 'job', tokenPrefix }]);
    expect(await driver.forceRelease('job')).toMatchObject({ key: 'job' });
    expect(await driver.acquire(claim())).toMatchObject(acquired);
  });

  it('is free at once where it was held for longer', async () => {
    const { driver } = locks();
    const held = claim();
    await driver.acquire(held);
    await locks().passTime(SHORT);
    await driver.release({ ...held, holdAtLeastMs: SHORT });
    expect(await driver.acquire(claim())).toMatchObject(acquired);
  });
}
