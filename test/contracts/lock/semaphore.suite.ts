import type { LockClaim } from '../../../src/modules/lock/index.js';
import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** A claim of `take` of three permits. */
export function permits(take = 1, given: Partial<LockClaim> = {}): LockClaim {
  return claim({ ...given, permits: { take, of: 3 } });
}

/** So many permits of a key and no more, each hold by itself. */
export function semaphoreSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const busy = { outcome: 'busy' };
  const misuse = { code: 'E_LOCK_MISUSE' };

  /** The fence that a claim gets. */
  async function fenceOf(asked: LockClaim): Promise<number | undefined> {
    const answer = await locks().driver.acquire(asked);
    return answer.outcome === 'acquired' ? answer.grant.fence : Number.NaN;
  }

  it('as many permits are granted as there are, and no more', async () => {
    const { driver, peer } = locks();
    const held = [permits(), permits(2)] as const;
    expect(await driver.acquire(held[0])).toMatchObject({ grant: { remainingMs: HOUR } });
    expect(await driver.acquire(permits(3))).toMatchObject(busy);
    expect(await peer.acquire(held[1])).toMatchObject(acquired);
    for (const by of [driver, peer]) expect(await by.acquire(permits())).toMatchObject(busy);
    expect(await driver.acquire(permits(1, { key: 'another' }))).toMatchObject(acquired);
    expect(await driver.release(held[1])).toBe('released');
    expect(await driver.acquire(permits(3))).toMatchObject(busy);
    expect(await driver.acquire(permits(2))).toMatchObject(acquired);
    expect(await driver.acquire(permits())).toMatchObject(busy);
  });

  it('a claim that asks again for an answer that was lost gets it, and takes no more', async () => {
    const { driver } = locks();
    const held = permits(2, { ttlMs: 60_000 });
    const fence = await fenceOf(held);
    const again = await driver.acquire({ ...held, ttlMs: HOUR });
    expect(again).toMatchObject({ outcome: 'acquired', grant: { remainingMs: HOUR, fence } });
    expect(await driver.acquire(held, { waitMs: HOUR })).toMatchObject(acquired);
    const last = permits();
    expect(await driver.acquire(last)).toMatchObject(acquired);
    expect(await driver.release(held)).toBe('released');
    expect(await driver.release(held)).toBe('released');
    expect(await driver.acquire(permits(2))).toMatchObject(acquired);
    expect(await driver.acquire(permits())).toMatchObject(busy);
    expect(await driver.release(last)).toBe('released');
  });

  it('what is busy says when the next hold ends', async () => {
    const { driver } = locks();
    await driver.acquire(permits(1, { ttlMs: 2 * HOUR }));
    await driver.acquire(permits(2, { ttlMs: HOUR }));
    const answer = await driver.acquire(permits());
    const remainingMs = answer.outcome === 'busy' ? answer.remainingMs : 0;
    expect(remainingMs).toBeLessThanOrEqual(HOUR);
    expect(remainingMs).toBeGreaterThan(HOUR - 60_000);
  });

  it('a hold whose time is over is lost alone, and its permits are free', async () => {
    const { driver } = locks();
    const [stale, held] = [permits(2, { ttlMs: SHORT }), permits()];
    await driver.acquire(stale);
    await driver.acquire(held);
    await locks().passTime(SHORT);
    expect(await driver.extend(stale, HOUR)).toEqual({ outcome: 'lost' });
    expect(await driver.release(stale)).toBe('lost');
    const next = permits(2);
    expect(await driver.acquire(next)).toMatchObject(acquired);
    expect(await driver.release(stale)).toBe('lost');
    expect(await driver.acquire(permits())).toMatchObject(busy);
    expect(await driver.extend(held, HOUR)).toMatchObject({ outcome: 'extended' });
    expect(await driver.release(held)).toBe('released');
    expect(await driver.release(next)).toBe('released');
  });

  it('only the holder extends, and never makes its hold shorter', async () => {
    const { driver } = locks();
    const [short, long] = [permits(1, { ttlMs: SHORT }), permits()];
    const fence = await fenceOf(short);
    await driver.acquire(long);
    expect(await driver.extend(permits(), HOUR)).toEqual({ outcome: 'lost' });
    const extended = { outcome: 'extended', grant: { remainingMs: HOUR, fence } };
    expect(await driver.extend(short, HOUR)).toMatchObject(extended);
    const again = await driver.extend(short, 1);
    const rest = again.outcome === 'extended' ? again.grant.remainingMs : 0;
    expect(rest).toBeGreaterThan(HOUR - 60_000);
    await locks().passTime(SHORT);
    expect(await driver.release(short)).toBe('released');
    expect(await driver.release(permits())).toBe('lost');
    expect(await driver.release({ ...long, key: 'another' })).toBe('lost');
    expect(await driver.release(long)).toBe('released');
  });

  it('every grant has a greater fence than the one before, of whichever kind of lock', async () => {
    const { driver } = locks();
    const [one, other, plain] = [permits(), permits(), claim()];
    const fences = [await fenceOf(one), await fenceOf(other)];
    await driver.release(other);
    fences.push(await fenceOf(other));
    for (const held of [one, other]) await driver.release(held);
    fences.push(await fenceOf(plain));
    await driver.release(plain);
    fences.push(await fenceOf(permits(3)));
    expect(fences.map(Number)).toEqual(fences.map(Number).toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(5);
    expect(await fenceOf(permits(1, { key: 'unfenced', fence: 'none' }))).toBeUndefined();
  });

  describe('a key that is in use', () => {
    const sizes = { take: 1, of: 2 };

    it('as a plain lock is no semaphore', async () => {
      const { driver } = locks();
      const held = claim();
      await driver.acquire(held);
      await expect(driver.acquire(permits())).rejects.toMatchObject(misuse);
      await expect(driver.acquire(permits(), { waitMs: HOUR })).rejects.toMatchObject(misuse);
      const ref = { ...held, permits: sizes };
      expect(await driver.extend(ref, HOUR)).toEqual({ outcome: 'lost' });
      expect(await driver.release(ref)).toBe('lost');
      expect(await driver.release(held)).toBe('released');
      expect(await driver.acquire(permits())).toMatchObject(acquired);
    });

    it('as a semaphore is no plain lock, nor one of another size', async () => {
      const { driver } = locks();
      const held = permits();
      await driver.acquire(held);
      for (const other of [claim(), claim({ permits: sizes })]) {
        await expect(driver.acquire(other)).rejects.toMatchObject(misuse);
        await expect(driver.acquire(other, { waitMs: HOUR })).rejects.toMatchObject(misuse);
      }
      await expect(driver.acquireAll([claim()])).rejects.toMatchObject(misuse);
      expect(await driver.release({ key: held.key, token: held.token })).toBe('lost');
      expect(await driver.release(held)).toBe('released');
      expect(await driver.acquire(claim({ permits: sizes }))).toMatchObject(acquired);
    });

    it('for a hold that is over may be anything', async () => {
      const { driver } = locks();
      const [short, long] = [permits(1, { ttlMs: SHORT }), permits()];
      for (const held of [short, long]) await driver.acquire(held);
      await driver.release(long);
      await locks().passTime(SHORT);
      expect(await driver.acquire(claim())).toMatchObject(acquired);
    });
  });

  it('permits are not taken of several keys at once', async () => {
    const { driver } = locks();
    const claims = [claim({ key: 'plain' }), permits()];
    await expect(driver.acquireAll(claims)).rejects.toMatchObject(misuse);
    expect(await driver.list(1)).toEqual([]);
  });

  describe('operators', () => {
    it('see every hold, and take away the one that is meant', async () => {
      const { driver } = locks();
      const [one, other] = [permits(2, { owner: 'one' }), permits(1, { owner: 'other' })];
      const fence = await fenceOf(one);
      await driver.acquire(other);
      const listed = await driver.list(10);
      expect(listed.toSorted((a, b) => (a.owner < b.owner ? -1 : 1))).toMatchObject([
        { key: 'job', owner: 'one', fence, permits: { take: 2, of: 3 } },
        { key: 'job', owner: 'other', permits: { take: 1, of: 3 } },
      ]);
      for (const { token, owner } of [one, other]) {
        const shown = listed.find((hold) => hold.owner === owner);
        expect(shown?.tokenPrefix).toBe(token.slice(0, 6));
        expect(shown?.remainingMs).toBeGreaterThan(HOUR - 60_000);
        expect(shown?.heldMs).toBeLessThan(60_000);
      }
      expect(await driver.list(1)).toHaveLength(1);
      await expect(driver.forceRelease('job')).rejects.toMatchObject(misuse);
      expect(await driver.forceRelease('job', { tokenPrefix: '?' })).toBeUndefined();
      expect(await driver.forceRelease('job', { fence })).toMatchObject({ owner: 'one' });
      expect(await driver.extend(one, HOUR)).toEqual({ outcome: 'lost' });
      expect(await driver.acquire(permits(2))).toMatchObject(acquired);
      expect(await driver.release(other)).toBe('released');
      expect(await driver.forceRelease('job')).toMatchObject({ permits: { take: 2, of: 3 } });
      expect(await driver.forceRelease('job')).toBeUndefined();
      expect(await driver.list(10)).toEqual([]);
    });

    it('do not see holds whose time is over', async () => {
      const { driver } = locks();
      await driver.acquire(permits(1, { ttlMs: SHORT }));
      await driver.acquire(permits(1, { owner: 'lives' }));
      await locks().passTime(SHORT);
      expect(await driver.list(10)).toMatchObject([{ owner: 'lives' }]);
      expect(await driver.forceRelease('job')).toMatchObject({ owner: 'lives' });
    });

    it('see a hundred holds of a key at most', async () => {
      const { driver } = locks();
      const asked = Array.from({ length: 105 }, () => claim({ permits: { take: 1, of: 200 } }));
      await Promise.all(asked.map((one) => driver.acquire(one)));
      expect(await driver.list(1_000)).toHaveLength(100);
      await Promise.all(asked.map((one) => driver.release(one)));
    });
  });
}
