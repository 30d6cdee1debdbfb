import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** Only the holder makes its hold longer, and never shorter. */
export function extendSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const extended = (remainingMs: unknown) => ({ outcome: 'extended', grant: { remainingMs } });

  it('the holder gets the time that was asked, and again when the answer was lost', async () => {
    const held = claim({ ttlMs: 60_000 });
    await locks().driver.acquire(held);
    expect(await locks().driver.extend(held, HOUR)).toMatchObject(extended(locks().relied(HOUR)));
    expect(await locks().driver.extend(held, HOUR)).toMatchObject(extended(locks().relied(HOUR)));
  });

  it('a hold that was extended outlives its first time', async () => {
    const held = claim({ ttlMs: 60_000 });
    await locks().driver.acquire(held);
    await locks().driver.extend(held, HOUR);
    expect(await locks().driver.acquire(claim())).toMatchObject({ outcome: 'busy' });
    const [lock] = await locks().driver.list(1);
    expect(lock?.remainingMs).toBeGreaterThan(60_000);
  });

  it('less time than is left changes nothing', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    const answer = await locks().driver.extend(held, 1_000);
    expect(answer.outcome === 'extended' && answer.grant.remainingMs).toBeGreaterThan(60_000);
  });

  it('extend by a stale owner leaves the new hold as it is', async () => {
    const stale = claim({ ttlMs: SHORT });
    await locks().driver.acquire(stale);
    await locks().passTime(SHORT);
    await locks().driver.acquire(claim({ ttlMs: 60_000 }));
    expect(await locks().driver.extend(stale, HOUR)).toEqual({ outcome: 'lost' });
    const [lock] = await locks().driver.list(1);
    expect(lock?.remainingMs).toBeLessThanOrEqual(60_000);
  });

  it('what is over, was released, or never was cannot be extended', async () => {
    const over = claim({ key: 'over', ttlMs: SHORT });
    const released = claim({ key: 'released' });
    await locks().driver.acquire(over);
    await locks().driver.acquire(released);
    await locks().driver.release(released);
    await locks().passTime(SHORT);
    for (const ref of [over, released, claim({ key: 'never' })]) {
      expect(await locks().driver.extend(ref, HOUR)).toEqual({ outcome: 'lost' });
      expect(await locks().driver.acquire(claim({ key: ref.key }))).toMatchObject({
        outcome: 'acquired',
      });
    }
  });
}
