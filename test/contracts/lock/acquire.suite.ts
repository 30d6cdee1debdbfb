import { claim, HOUR, type OpenLocks, useLocks } from './lock-fixtures.js';

/** One holder at a time, and the same answer to the same token. */
export function acquireSuite(open: OpenLocks): void {
  const locks = useLocks(open);

  it('a free lock is granted for the time that was asked', async () => {
    const answer = await locks().driver.acquire(claim());
    expect(answer).toMatchObject({
      outcome: 'acquired',
      grant: { remainingMs: locks().relied(HOUR) },
    });
    expect(answer.outcome === 'acquired' && answer.grant.stands()).toBe(true);
  });

  it('a held lock is busy for everybody else, and says how long', async () => {
    await locks().driver.acquire(claim());
    const answer = await locks().driver.acquire(claim());
    expect(answer).toEqual({ outcome: 'busy', remainingMs: expect.any(Number) as unknown });
    const { remainingMs = 0 } = answer as { remainingMs?: number };
    expect(remainingMs).toBeGreaterThan(HOUR - 60_000);
    expect(remainingMs).toBeLessThanOrEqual(HOUR);
  });

  it('the same token gets the answer again that was lost', async () => {
    const asked = claim();
    const answer = { outcome: 'acquired', grant: { remainingMs: locks().relied(HOUR) } };
    expect(await locks().driver.acquire(asked)).toMatchObject(answer);
    expect(await locks().driver.acquire(asked)).toMatchObject(answer);
    await expect(locks().driver.acquire(claim())).resolves.toMatchObject({ outcome: 'busy' });
  });

  it('the same token does not make its hold shorter', async () => {
    const asked = claim();
    await locks().driver.acquire(asked);
    const again = await locks().driver.acquire({ ...asked, ttlMs: 1_000 });
    expect(again.outcome === 'acquired' && again.grant.remainingMs).toBeGreaterThan(HOUR - 60_000);
  });

  it('locks of other keys are other locks', async () => {
    await locks().driver.acquire(claim({ key: 'one' }));
    await expect(locks().driver.acquire(claim({ key: 'other' }))).resolves.toMatchObject({
      outcome: 'acquired',
    });
  });

  it.each([0, -1, 0.5, NaN, Infinity])('refuses %p ms to live and takes nothing', async (ttlMs) => {
    const refusal = { code: 'E_INVALID_OPTION' };
    await expect(locks().driver.acquire(claim({ ttlMs }))).rejects.toMatchObject(refusal);
    const held = claim();
    await expect(locks().driver.acquire(held)).resolves.toMatchObject({ outcome: 'acquired' });
    await expect(locks().driver.extend(held, ttlMs)).rejects.toMatchObject(refusal);
    await expect(locks().driver.release(held)).resolves.toBe('released');
  });
}
