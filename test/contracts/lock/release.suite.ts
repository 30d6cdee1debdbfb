import { claim, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** Only the holder gives a lock back, and whoever asks again gets the same answer. */
export function releaseSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const busy = { outcome: 'busy' };

  it('a released lock is free at once', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    expect(await locks().driver.release(held)).toBe('released');
    expect(await locks().driver.acquire(claim())).toMatchObject(acquired);
  });

  it('a release whose answer was lost gets it again, also when others came meanwhile', async () => {
    const first = claim();
    await locks().driver.acquire(first);
    await locks().driver.release(first);
    expect(await locks().driver.release(first)).toBe('released');
    const second = claim();
    await locks().driver.acquire(second);
    expect(await locks().driver.release(first)).toBe('released');
    await locks().driver.release(second);
    const third = claim();
    await locks().driver.acquire(third);
    expect(await locks().driver.release(first)).toBe('released');
    expect(await locks().driver.release(second)).toBe('released');
    expect(await locks().driver.acquire(claim())).toMatchObject(busy);
    expect(await locks().driver.release(third)).toBe('released');
  });

  it('release by a stale owner leaves the new hold as it is', async () => {
    const stale = claim({ ttlMs: SHORT });
    await locks().driver.acquire(stale);
    await locks().passTime(SHORT);
    const held = claim();
    await locks().driver.acquire(held);
    expect(await locks().driver.release(stale)).toBe('lost');
    expect(await locks().driver.acquire(claim())).toMatchObject(busy);
    expect(await locks().driver.release(held)).toBe('released');
  });

  it('somebody who never held it releases nothing', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    expect(await locks().driver.release(claim())).toBe('lost');
    expect(await locks().driver.release(claim({ token: 'x' }))).toBe('lost');
    expect(await locks().driver.release({ ...held, token: held.token.slice(0, -1) })).toBe('lost');
    expect(await locks().driver.acquire(claim())).toMatchObject(busy);
  });

  it('the token of one lock does not open another', async () => {
    const held = claim({ key: 'one' });
    await locks().driver.acquire(held);
    await locks().driver.acquire(claim({ key: 'other' }));
    expect(await locks().driver.release({ ...held, key: 'other' })).toBe('lost');
    expect(await locks().driver.release(held)).toBe('released');
    expect(await locks().driver.release({ ...held, key: 'other' })).toBe('lost');
  });

  it('a lock that was taken away is lost for its holder', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    await locks().driver.forceRelease(held.key);
    expect(await locks().driver.release(held)).toBe('lost');
  });
}
