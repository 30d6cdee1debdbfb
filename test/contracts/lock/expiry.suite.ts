import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** A hold ends by itself, and then it is as if it had never been. */
export function expirySuite(open: OpenLocks): void {
  const locks = useLocks(open);

  it('a lock whose time is over is free for others, its neighbour is not', async () => {
    await locks().driver.acquire(claim({ key: 'short', ttlMs: SHORT }));
    await locks().driver.acquire(claim({ key: 'long', ttlMs: HOUR }));
    await locks().passTime(SHORT);
    expect(await locks().driver.acquire(claim({ key: 'short' }))).toMatchObject({
      outcome: 'acquired',
    });
    expect(await locks().driver.acquire(claim({ key: 'long' }))).toMatchObject({ outcome: 'busy' });
  });

  it('the holder who comes too late to release is told so', async () => {
    const held = claim({ ttlMs: SHORT });
    await locks().driver.acquire(held);
    await locks().passTime(SHORT);
    expect(await locks().driver.release(held)).toBe('lost');
  });

  it('a release is not remembered longer than the hold would have lasted', async () => {
    const held = claim({ ttlMs: SHORT });
    await locks().driver.acquire(held);
    await locks().driver.release(held);
    await locks().passTime(SHORT);
    expect(await locks().driver.release(held)).toBe('lost');
  });

  it('the holder may take it again with its old token when nobody else did', async () => {
    const held = claim({ ttlMs: SHORT });
    await locks().driver.acquire(held);
    await locks().passTime(SHORT);
    expect(await locks().driver.acquire({ ...held, ttlMs: HOUR })).toMatchObject({
      outcome: 'acquired',
      grant: { remainingMs: locks().relied(HOUR) },
    });
    expect(await locks().driver.acquire(claim())).toMatchObject({ outcome: 'busy' });
  });

  it('an attempt that finds it busy does not make the hold longer', async () => {
    await locks().driver.acquire(claim({ ttlMs: 60_000 }));
    expect(await locks().driver.acquire(claim({ ttlMs: HOUR }))).toMatchObject({
      outcome: 'busy',
    });
    const [lock] = await locks().driver.list(1);
    expect(lock?.remainingMs).toBeLessThanOrEqual(60_000);
  });

  it('what is over is neither listed nor taken away', async () => {
    await locks().driver.acquire(claim({ ttlMs: SHORT }));
    await locks().passTime(SHORT);
    expect(await locks().driver.list(10)).toEqual([]);
    expect(await locks().driver.forceRelease('job')).toBeUndefined();
  });
}
