import type { AcquireOutcome, LockClaim, LockDriver } from '../../../src/modules/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';
import { permits } from './semaphore.suite.js';

const WAIT = { waitMs: HOUR };

/** Who waits for permits is served in order, as many as fit. */
export function semaphoreQueueSuite(open: OpenLocks): void {
  const locks = useLocks(open);
  const acquired = { outcome: 'acquired' };
  const busy = { outcome: 'busy' };

  interface Waiting {
    readonly asked: LockClaim;
    readonly by: LockDriver;
    readonly outcome: Promise<AcquireOutcome>;
  }

  /** Resolves when the claim is seen to wait. */
  async function waiting(
    by: LockDriver,
    asked: LockClaim,
    wait: Parameters<LockDriver['acquire']>[1] = WAIT,
  ): Promise<Waiting> {
    const outcome = by.acquire(asked, wait);
    outcome.catch(() => undefined);
    await eventually(async () => (await queue()).includes(asked.token.slice(0, 6)));
    return { asked, by, outcome };
  }

  async function queue(): Promise<readonly string[]> {
    const found = await locks().driver.list(200);
    return found.flatMap((lock) => lock.queue.map(({ tokenPrefix }) => tokenPrefix));
  }

  async function giveBack({ asked, by, outcome }: Waiting): Promise<void> {
    expect(await outcome).toMatchObject(acquired);
    expect(await by.release(asked)).toBe('released');
  }

  it('permits that are left are granted at once', async () => {
    const { driver, peer } = locks();
    await driver.acquire(permits(2));
    expect(await peer.acquire(permits(), WAIT)).toMatchObject({ grant: { remainingMs: HOUR } });
  });

  it('a release serves as many as fit, in order, of this process and of others', async () => {
    const { driver, peer } = locks();
    const all = permits(3);
    await driver.acquire(all);
    const first = await waiting(peer, permits());
    const second = await waiting(driver, permits(2));
    const third = await waiting(peer, permits());
    expect(await queue()).toEqual([first, second, third].map((one) => one.asked.token.slice(0, 6)));
    await driver.release(all);
    expect(await first.outcome).toMatchObject(acquired);
    expect(await second.outcome).toMatchObject(acquired);
    expect(await driver.acquire(permits())).toMatchObject(busy);
    expect(await queue()).toEqual([third.asked.token.slice(0, 6)]);
    await giveBack(first);
    await giveBack(third);
    await giveBack(second);
    expect(await driver.list(1)).toEqual([]);
  });

  it('a claim never passes one that came before, however few permits it takes', async () => {
    const { driver, peer } = locks();
    const held = permits();
    await driver.acquire(held);
    const writer = await waiting(peer, permits(3));
    const reader = await waiting(driver, permits());
    for (const by of [driver, peer]) expect(await by.acquire(permits())).toMatchObject(busy);
    await driver.release(held);
    expect(await writer.outcome).toMatchObject(acquired);
    expect(await queue()).toEqual([reader.asked.token.slice(0, 6)]);
    await giveBack(writer);
    await giveBack(reader);
  });

  it('a caller of another size takes nobody out of the queue', async () => {
    const { driver, peer } = locks();
    const held = permits();
    await driver.acquire(held);
    const writer = await waiting(peer, permits(3));
    const other = claim({ permits: { take: 1, of: 9 } });
    const asked = driver.acquire(other, WAIT);
    await expect(asked).rejects.toMatchObject({ code: 'E_LOCK_MISUSE' });
    expect(await driver.release(other)).toBe('lost');
    expect(await queue()).toEqual([writer.asked.token.slice(0, 6)]);
    expect(await driver.acquire(permits())).toMatchObject(busy);
    await driver.release(held);
    await giveBack(writer);
  });

  it('who stops waiting is no longer in the way of those behind', async () => {
    const { driver, peer } = locks();
    await driver.acquire(permits());
    for (const by of [driver, peer]) {
      const stop = new AbortController();
      const writer = await waiting(by, permits(3), { ...WAIT, signal: stop.signal });
      const reader = await waiting(peer, permits());
      stop.abort(new Error('no longer needed'));
      await expect(writer.outcome).rejects.toThrow('no longer needed');
      await giveBack(reader);
    }
    const late = driver.acquire(permits(3), { waitMs: 10 * SHORT });
    const reader = peer.acquire(permits(), WAIT);
    await locks().passTime(10 * SHORT);
    expect(await late).toMatchObject(busy);
    expect(await reader).toMatchObject(acquired);
  });

  it('permits of a holder that died go to who waits', async () => {
    const { driver, peer } = locks();
    const living = permits();
    await driver.acquire(permits(2, { ttlMs: 3 * SHORT }));
    await driver.acquire(living);
    const asked = permits(2);
    const next = peer.acquire(asked, WAIT);
    await locks().passTime(3 * SHORT);
    expect(await next).toMatchObject(acquired);
    expect(await driver.extend(living, HOUR)).toMatchObject({ outcome: 'extended' });
    expect(await driver.acquire(permits())).toMatchObject(busy);
  });

  it('permits that an operator takes away go to who waits', async () => {
    const { driver, peer } = locks();
    const held = permits(2);
    await driver.acquire(held);
    await driver.acquire(permits());
    const next = await waiting(peer, permits(2));
    await driver.forceRelease('job', { tokenPrefix: held.token.slice(0, 6) });
    expect(await next.outcome).toMatchObject(acquired);
    expect(await driver.release(held)).toBe('lost');
  });

  it('a grant that was waited for has its whole time, and a greater fence', async () => {
    const { driver } = locks();
    const [held, asked] = [permits(3), permits(1, { ttlMs: HOUR - 1 })];
    const before = await driver.acquire(held);
    const { outcome } = await waiting(driver, asked);
    await locks().passTime(SHORT);
    await driver.release(held);
    const answer = await outcome;
    expect(answer).toMatchObject({ grant: { remainingMs: HOUR - 1 } });
    const fences = [before, answer].map((one) =>
      one.outcome === 'acquired' ? Number(one.grant.fence) : 0,
    );
    expect(fences[1]).toBeGreaterThan(fences[0] ?? 0);
    expect(await driver.extend(asked, HOUR)).toMatchObject({ outcome: 'extended' });
  });

  it('a great many who wait are all served by one release', async () => {
    const { driver, peer } = locks();
    const of = 1_000;
    const writer = claim({ permits: { take: of, of } });
    await driver.acquire(writer);
    const asked = Array.from({ length: 150 }, () => claim({ permits: { take: 1, of } }));
    const all = asked.map((one, index) => (index % 2 === 0 ? driver : peer).acquire(one, WAIT));
    await eventually(async () => (await queue()).length === 100);
    await driver.release(writer);
    for (const answer of await Promise.all(all)) expect(answer).toMatchObject(acquired);
    for (const one of asked) expect(await driver.release(one)).toBe('released');
  });

  it('a writer is alone, and readers are together, whoever comes when', async () => {
    const { driver, peer } = locks();
    let [readers, writers, most] = [0, 0, 0];
    const work = Array.from({ length: 60 }, async (_, index) => {
      const by = index % 2 === 0 ? driver : peer;
      const isWriter = index % 7 === 0;
      const one = permits(isWriter ? 3 : 1);
      expect(await by.acquire(one, WAIT)).toMatchObject(acquired);
      if (isWriter) writers += 1;
      else readers += 1;
      expect(writers === 0 ? readers <= 3 : writers === 1 && readers === 0).toBe(true);
      most = Math.max(most, readers);
      await new Promise((resolve) => void setImmediate(resolve));
      if (isWriter) writers -= 1;
      else readers -= 1;
      expect(await by.release(one)).toBe('released');
    });
    await Promise.all(work);
    expect(most).toBeGreaterThan(1);
    expect(await driver.list(1)).toEqual([]);
  });
}
