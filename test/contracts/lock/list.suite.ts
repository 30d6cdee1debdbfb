import { claim, HOUR, type OpenLocks, SHORT, useLocks } from './lock-fixtures.js';

/** What is held, by whom, for how long; and taking it away. */
export function listSuite(open: OpenLocks): void {
  const locks = useLocks(open);

  it('lists what is held with owner and time, and only the beginning of the token', async () => {
    const held = claim({ key: 'import:42', owner: 'host-1:99' });
    await locks().driver.acquire(held);
    const found = await locks().driver.list(10);
    expect(found).toEqual([
      {
        key: 'import:42',
        owner: 'host-1:99',
        tokenPrefix: held.token.slice(0, 6),
        heldMs: expect.any(Number) as unknown,
        remainingMs: expect.any(Number) as unknown,
        fence: expect.any(Number) as unknown,
        queue: [],
      },
    ]);
    expect(found[0]?.remainingMs).toBeGreaterThan(HOUR - 60_000);
    expect(found[0]?.heldMs).toBeLessThan(60_000);
    expect(found[0]?.heldMs).toBeGreaterThanOrEqual(0);
  });

  it('says for how long it has been held, through extensions', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    await locks().passTime(SHORT);
    await locks().driver.extend(held, 2 * HOUR);
    const [lock] = await locks().driver.list(1);
    expect(lock?.heldMs).toBeGreaterThanOrEqual(SHORT);
  });

  it('does not list what was released', async () => {
    const held = claim();
    await locks().driver.acquire(held);
    await locks().driver.release(held);
    expect(await locks().driver.list(10)).toEqual([]);
  });

  it('lists no more than it was asked for', async () => {
    const keys = Array.from({ length: 20 }, (_, number) => `job:${number}`);
    await Promise.all(keys.map((key) => locks().driver.acquire(claim({ key }))));
    expect(await locks().driver.list(7)).toHaveLength(7);
    const all = await locks().driver.list(100);
    expect(all.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
  });

  it('a lock that is taken away is free, and who held it is told', async () => {
    const held = claim({ owner: 'host-1:99' });
    await locks().driver.acquire(held);
    expect(await locks().driver.forceRelease('job')).toMatchObject({
      key: 'job',
      owner: 'host-1:99',
      tokenPrefix: held.token.slice(0, 6),
    });
    expect(await locks().driver.acquire(claim())).toMatchObject({ outcome: 'acquired' });
    expect(await locks().driver.extend(held, HOUR)).toEqual({ outcome: 'lost' });
  });

  it('a lock is taken away from the holder that is meant, and from nobody else', async () => {
    const { driver } = locks();
    const held = claim();
    const answer = await driver.acquire(held);
    const fence = answer.outcome === 'acquired' ? (answer.grant.fence ?? 0) : 0;
    const tokenPrefix = held.token.slice(0, 6);
    const others = [
      { fence: fence - 1 },
      { fence: fence + 1 },
      { tokenPrefix: '?' },
      { tokenPrefix: `${held.token}?` },
      { fence, tokenPrefix: '?' },
      { fence: fence + 1, tokenPrefix },
    ];
    for (const which of others) expect(await driver.forceRelease('job', which)).toBeUndefined();
    expect(await driver.extend(held, HOUR)).toMatchObject({ outcome: 'extended' });
    expect(await driver.forceRelease('job', { fence, tokenPrefix })).toMatchObject({ fence });
    for (const which of [{ fence }, { tokenPrefix }]) {
      expect(await driver.forceRelease('job', which)).toBeUndefined();
    }
    const unfenced = claim({ fence: 'none' });
    await driver.acquire(unfenced);
    expect(await driver.forceRelease('job', { fence })).toBeUndefined();
    const which = { tokenPrefix: unfenced.token.slice(0, 6) };
    expect(await driver.forceRelease('job', which)).toMatchObject({ fence: undefined, ...which });
  });

  it('nothing is taken away where nothing is held', async () => {
    expect(await locks().driver.forceRelease('job')).toBeUndefined();
    const held = claim();
    await locks().driver.acquire(held);
    expect(await locks().driver.forceRelease('another')).toBeUndefined();
    expect(await locks().driver.release(held)).toBe('released');
  });
}
