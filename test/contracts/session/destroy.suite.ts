import {
  created,
  credentialOf,
  EAGER,
  HOUR,
  idsOf,
  type OpenSessions,
  useFixture,
} from './session-fixture.js';

/** Ending one session, or all of a user's. */
export function destroySuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it('destroy ends a session once', async () => {
    const { driver } = fixture();
    const { id } = await created(driver);
    await expect(driver.destroy(id)).resolves.toEqual({ userId: 'alice' });
    await expect(driver.get(id)).resolves.toBeUndefined();
    await expect(driver.destroy(id)).resolves.toBeUndefined();
  });

  it('destroy leaves the other sessions of the user', async () => {
    const { driver } = fixture();
    const [first, second] = [await created(driver), await created(driver)];
    await driver.destroy(first.id);
    await expect(idsOf(driver, 'alice')).resolves.toEqual([second.id]);
  });

  it('destroyAll ends all of one user and tells how many were live', async () => {
    const { driver, clock } = fixture();
    const bobs = await created(driver, { userId: 'bob' });
    await created(driver, { ttlMs: 1_000 });
    const alices = [await created(driver), await created(driver), await created(driver)];
    await driver.destroy(alices[0]?.id ?? '');
    clock.advance(1_000);
    await expect(driver.destroyAll('alice')).resolves.toBe(2);
    for (const session of alices) {
      await expect(driver.get(session.id)).resolves.toBeUndefined();
      await expect(driver.validate(credentialOf(session), EAGER)).resolves.toBeUndefined();
      await expect(driver.destroy(session.id)).resolves.toBeUndefined();
    }
    await expect(driver.list('alice')).resolves.toEqual([]);
    await expect(driver.destroyAll('alice')).resolves.toBe(0);
    await expect(idsOf(driver, 'bob')).resolves.toEqual([bobs.id]);
    await expect(driver.count()).resolves.toBe(1);
  });

  it('sessions that are opened after destroyAll are as good as any', async () => {
    const { driver } = fixture();
    const before = await created(driver);
    await driver.destroyAll('alice');
    const after = await created(driver);
    await expect(driver.validate(credentialOf(after), EAGER)).resolves.toBeDefined();
    await expect(driver.validate(credentialOf(before), EAGER)).resolves.toBeUndefined();
    await expect(idsOf(driver, 'alice')).resolves.toEqual([after.id]);
    await expect(driver.destroyAll('alice')).resolves.toBe(1);
  });

  it('touches and updates that race with destroyAll revive nothing', async () => {
    const { driver } = fixture();
    const sessions = await Promise.all(Array.from({ length: 20 }, () => created(driver)));
    const racing = sessions.flatMap((session) => [
      driver.touch(session.id),
      driver.validate(credentialOf(session), EAGER),
    ]);
    const ended = driver.destroyAll('alice');
    const late = sessions.map(({ id }) => driver.touch(id));
    await Promise.all([...racing, ended, ...late]);
    await expect(driver.list('alice')).resolves.toEqual([]);
    for (const { id } of sessions) await expect(driver.get(id)).resolves.toBeUndefined();
  });

  it('of 50 parallel destroys of one session exactly one ended it', async () => {
    const { driver } = fixture();
    const { id } = await created(driver, { ttlMs: HOUR });
    const ended = await Promise.all(Array.from({ length: 50 }, () => driver.destroy(id)));
    expect(ended.filter((one) => one !== undefined)).toHaveLength(1);
  });
}
