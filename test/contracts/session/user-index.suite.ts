import { created, HOUR, idsOf, type OpenSessions, useFixture } from './session-fixture.js';

/** Listing the sessions of a user, and counting all. */
export function userIndexSuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it('lists the live sessions of one user as get tells of them', async () => {
    const { driver } = fixture();
    const sessions = [await created(driver), await created(driver)];
    await created(driver, { userId: 'bob' });
    const listed = await driver.list('alice');
    expect(listed).toHaveLength(2);
    for (const { id } of sessions) expect(listed).toContainEqual(await driver.get(id));
  });

  it('lists nothing for a user without sessions', async () => {
    await expect(fixture().driver.list('nobody')).resolves.toEqual([]);
  });

  it('forgets a session when its own time is over, whatever the others have left', async () => {
    const { driver, clock } = fixture();
    const [short, long] = [
      await created(driver, { ttlMs: 60_000 }),
      await created(driver, { ttlMs: 100 * HOUR }),
    ];
    clock.advance(59_999);
    await expect(idsOf(driver, 'alice')).resolves.toEqual([short.id, long.id].toSorted());
    clock.advance(1);
    await expect(idsOf(driver, 'alice')).resolves.toEqual([long.id]);
  });

  it('50 parallel logins are all listed and counted', async () => {
    const { driver } = fixture();
    const sessions = await Promise.all(Array.from({ length: 50 }, () => created(driver)));
    await expect(idsOf(driver, 'alice')).resolves.toEqual(sessions.map(({ id }) => id).toSorted());
  });

  it('lists more sessions than one call reads', async () => {
    const { driver } = fixture();
    await Promise.all(Array.from({ length: 250 }, () => created(driver)));
    await expect(driver.list('alice')).resolves.toHaveLength(250);
    await expect(driver.destroyAll('alice')).resolves.toBe(250);
  });

  it('counts the sessions of all users, and those under chosen ids', async () => {
    const { driver, clock } = fixture();
    await created(driver, { ttlMs: 1_000 });
    clock.advance(1_000);
    for (let user = 0; user < 20; user += 1) await created(driver, { userId: `user ${user}` });
    await driver.put('chosen', { ttlMs: HOUR, data: Buffer.from('data') });
    await expect(driver.count()).resolves.toBe(21);
    await driver.destroy('chosen');
    await driver.destroyAll('user 7');
    await expect(driver.count()).resolves.toBe(19);
  });
}
