import type { LockClaim } from '../../../src/modules/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** Every grant of a key has a greater number than the one before it. */
export function fenceSuite(open: OpenLocks): void {
  const locks = useLocks(open);

  /** Of a hold that is granted, given back, and granted to somebody else the next time. */
  async function fenceOf(asked: LockClaim): Promise<number> {
    const answer = await locks().driver.acquire(asked);
    if (answer.outcome !== 'acquired' || answer.grant.fence === undefined) {
      throw new Error(`no fence: ${JSON.stringify(answer)}`);
    }
    return answer.grant.fence;
  }

  it('grows with every grant, however fast they follow each other', async () => {
    const fences: number[] = [];
    for (let grant = 0; grant < 20; grant += 1) {
      const held = claim();
      fences.push(await fenceOf(held));
      await locks().driver.release(held);
    }
    expect(fences).toEqual([...new Set(fences)].sort((one, other) => one - other));
    expect(fences.every(Number.isSafeInteger)).toBe(true);
  });

  it('is greater after a hold that ended by itself, or was taken away', async () => {
    // On a busy machine it may be over before it was granted.
    const first = await eventually(() => fenceOf(claim({ ttlMs: SHORT })));
    await locks().passTime(SHORT);
    const second = await fenceOf(claim());
    await locks().driver.forceRelease('job');
    const third = await fenceOf(claim());
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
  });

  it('is the same for the whole hold: asked again, and extended', async () => {
    const held = claim({ ttlMs: 60_000 });
    const fence = await fenceOf(held);
    expect(await fenceOf(held)).toBe(fence);
    expect(await locks().driver.extend(held, HOUR)).toMatchObject({ grant: { fence } });
    expect(await fenceOf(held)).toBe(fence);
    expect(await locks().driver.list(1)).toMatchObject([{ fence }]);
  });

  it('is not spent by whoever found the lock busy', async () => {
    const held = claim();
    const fence = await fenceOf(held);
    await locks().driver.acquire(claim());
    expect(await locks().driver.list(1)).toMatchObject([{ fence }]);
  });

  it('of a hold that goes on here is its own at least, and the next is greater', async () => {
    const elsewhere = (await fenceOf(claim({ key: 'other' }))) + 5_000_000_000;
    const taken = claim({ fence: elsewhere });
    expect(await fenceOf(taken)).toBeGreaterThanOrEqual(elsewhere);
    await locks().driver.release(taken);
    expect(await fenceOf(claim())).toBeGreaterThan(elsewhere);
  });

  it('is not there for a claim that wants none', async () => {
    const held = claim({ fence: 'none' });
    const fence = undefined;
    expect(await locks().driver.acquire(held)).toMatchObject({ grant: { fence } });
    expect(await locks().driver.extend(held, HOUR)).toMatchObject({ grant: { fence } });
    expect(await locks().driver.list(1)).toMatchObject([{ fence }]);
  });
}
