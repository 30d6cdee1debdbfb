import type { AcquireOutcome, LockClaim, LockDriver } from '../../../src/modules/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

const WAIT = { waitMs: HOUR };

/** First come, first served; and a lock that is given back is never free in between. */
export function queueSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const busy = { outcome: 'busy' };

  /** Resolves when the claim is seen to wait. */
  async function waiting(
    driver: LockDriver,
    asked: LockClaim,
    wait: Parameters<LockDriver['acquire']>[1] = WAIT,
  ): Promise<{ readonly outcome: Promise<AcquireOutcome> }> {
    const outcome = driver.acquire(asked, wait);
    outcome.catch(() => undefined);
    await eventually(async () => (await queueOf(asked.key)).includes(asked.token.slice(0, 6)));
    return { outcome };
  }

  async function queueOf(key: string): Promise<readonly string[]> {
    const found = await locks().driver.list(100);
    const lock = found.find((one) => one.key === key);
    return (lock?.queue ?? []).map(({ tokenPrefix }) => tokenPrefix);
  }

  it('a free lock is granted at once', async () => {
    expect(await locks().driver.acquire(claim(), WAIT)).toMatchObject({
      outcome: 'acquired',
      grant: { remainingMs: HOUR },
    });
  });

  it('locks are granted in the order of arrival, one at a time, whoever asks', async () => {
    const { driver, peer } = locks();
    const first = claim();
    await driver.acquire(first);
    const asked = Array.from({ length: 8 }, () => claim());
    const order: number[] = [];
    const done: Promise<void>[] = [];
    for (const [index, one] of asked.entries()) {
      const by = index % 3 === 0 ? peer : driver;
      const { outcome } = await waiting(by, one);
      done.push(
        outcome.then(async (answer) => {
          expect(answer).toMatchObject(acquired);
          order.push(index);
          expect(await by.release(one)).toBe('released');
        }),
      );
    }
    await driver.release(first);
    await Promise.all(done);
    expect(order).toEqual([...asked.keys()]);
    expect(await driver.list(1)).toEqual([]);
  });

  it('a lock that is given back is busy for everybody but the first who waits', async () => {
    const { driver, peer } = locks();
    const first = claim();
    const second = claim();
    await driver.acquire(first);
    const { outcome } = await waiting(peer, second);
    await driver.release(first);
    expect(await driver.acquire(claim())).toMatchObject(busy);
    expect(await outcome).toMatchObject(acquired);
    expect(await driver.acquire(claim())).toMatchObject(busy);
    expect(await peer.release(second)).toBe('released');
    expect(await driver.acquire(claim())).toMatchObject(acquired);
  });

  it('a grant that was waited for counts from when it was made', async () => {
    const { driver } = locks();
    const [first, second] = [claim(), claim({ ttlMs: HOUR - 1 })];
    await driver.acquire(first);
    const { outcome } = await waiting(driver, second);
    await locks().passTime(SHORT);
    await driver.release(first);
    expect(await outcome).toMatchObject({
      outcome: 'acquired',
      grant: { remainingMs: HOUR - 1, askedAt: expect.any(Number) as unknown },
    });
    expect(await driver.extend(second, HOUR)).toMatchObject({ outcome: 'extended' });
  });

  it('every grant has a greater fence than the one before', async () => {
    const { driver, peer } = locks();
    const first = claim();
    await driver.acquire(first);
    const asked = [claim(), claim()];
    const waiters = [await waiting(driver, claim(asked[0])), await waiting(peer, claim(asked[1]))];
    await driver.release(first);
    const fences: number[] = [];
    for (const [index, { outcome }] of waiters.entries()) {
      const answer = await outcome;
      fences.push(answer.outcome === 'acquired' ? (answer.grant.fence ?? 0) : 0);
      await [driver, peer][index]?.release(asked[index] as LockClaim);
    }
    expect(fences[1]).toBeGreaterThan(fences[0] ?? 0);
    expect(fences[0]).toBeGreaterThan(1_000);
  });

  it('a lock whose holder died goes to the first who waits', async () => {
    const { driver, peer } = locks();
    await driver.acquire(claim({ ttlMs: 2 * SHORT }));
    const next = peer.acquire(claim(), WAIT);
    await locks().passTime(2 * SHORT);
    expect(await next).toMatchObject(acquired);
  });

  it('a lock that is taken away goes to the first who waits', async () => {
    const { driver, peer } = locks();
    const held = claim();
    await driver.acquire(held);
    const { outcome } = await waiting(peer, claim());
    await driver.forceRelease('job');
    expect(await outcome).toMatchObject(acquired);
    expect(await driver.release(held)).toBe('lost');
  });

  it('who waited long enough is told that it is busy, and waits no longer', async () => {
    const { driver, peer } = locks();
    const held = claim();
    await driver.acquire(held);
    const given = driver.acquire(claim(), { waitMs: SHORT });
    await locks().passTime(SHORT);
    expect(await given).toMatchObject(busy);
    expect(await queueOf('job')).toEqual([]);
    const { outcome } = await waiting(peer, claim());
    await driver.release(held);
    expect(await outcome).toMatchObject(acquired);
  });

  it('who is told to stop rejects with the reason, and waits no longer', async () => {
    const { driver, peer } = locks();
    const held = claim();
    await driver.acquire(held);
    const stop = new AbortController();
    const { outcome } = await waiting(driver, claim(), { ...WAIT, signal: stop.signal });
    const next = await waiting(peer, claim());
    const reason = new Error('no longer needed');
    stop.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    await expect(driver.acquire(claim(), { ...WAIT, signal: stop.signal })).rejects.toBe(reason);
    expect(await queueOf('job')).toHaveLength(1);
    await driver.release(held);
    expect(await next.outcome).toMatchObject(acquired);
  });

  it('operators see who waits, in order', async () => {
    const { driver, peer } = locks();
    const held = claim();
    await driver.acquire(held);
    const asked = [claim({ owner: 'first' }), claim({ owner: 'second' })] as const;
    const waiters = [await waiting(peer, asked[0]), await waiting(driver, asked[1])];
    await locks().passTime(SHORT);
    const [lock] = await driver.list(1);
    expect(lock?.queue).toMatchObject(
      asked.map(({ owner, token }) => ({ owner, tokenPrefix: token.slice(0, 6) })),
    );
    expect(lock?.queue[0]?.waitedMs).toBeGreaterThanOrEqual(SHORT);
    await driver.forceRelease('job');
    await waiters[0]?.outcome;
    await driver.forceRelease('job');
    await waiters[1]?.outcome;
  });

  it('50 who wait at once get it one after the other', async () => {
    const { driver, peer } = locks();
    let inside = 0;
    let greatest = 0;
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const by = index % 2 === 0 ? driver : peer;
        const one = claim();
        expect(await by.acquire(one, WAIT)).toMatchObject(acquired);
        inside += 1;
        greatest = Math.max(greatest, inside);
        await Promise.resolve();
        inside -= 1;
        expect(await by.release(one)).toBe('released');
      }),
    );
    expect(greatest).toBe(1);
  });

  it('a lock that is to be held at least for a time is free for who waits when that is over', async () => {
    const { driver, peer } = locks();
    const held = claim();
    await driver.acquire(held);
    const next = peer.acquire(claim(), WAIT);
    await driver.release({ ...held, holdAtLeastMs: 3 * SHORT });
    await locks().passTime(3 * SHORT);
    expect(await next).toMatchObject(acquired);
  });

  it('several keys: what somebody waits for is not taken', async () => {
    const { driver, peer } = locks();
    const held = claim({ key: 'one' });
    await driver.acquire(held);
    const next = claim({ key: 'one' });
    const waiting = peer.acquire(next, { waitMs: HOUR });
    await new Promise((resolve) => setImmediate(resolve));
    await driver.release(held);
    expect(await driver.acquireAll([claim({ key: 'one' }), claim({ key: 'other' })])).toMatchObject(
      {
        outcome: 'busy',
        key: 'one',
      },
    );
    expect(await waiting).toMatchObject(acquired);
  });

  it('who is told to stop in the turn in which the lock is given back does not keep it', async () => {
    const { driver } = locks();
    const held = claim();
    await driver.acquire(held);
    const stop = new AbortController();
    const { outcome } = await waiting(driver, claim(), { ...WAIT, signal: stop.signal });
    stop.abort(new Error('no longer needed'));
    const released = driver.release(held);
    await expect(outcome).rejects.toThrow('no longer needed');
    await released;
    await eventually(async () => (await driver.acquire(claim())).outcome === 'acquired');
  });
}
