import { created, HOUR, newSession, type OpenSessions, useFixture } from './session-fixture.js';

const NEW = Buffer.from('new');

/** Compare and set. */
export function updateSuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it('replaces the data and the version, and nothing else', async () => {
    const { driver, clock } = fixture();
    const { id } = await created(driver);
    const before = await driver.get(id);
    clock.advance(1_000);
    const result = await driver.update(id, { version: before?.version ?? '', data: NEW });
    const after = await driver.get(id);
    expect(result).toEqual({ outcome: 'updated', session: after });
    expect(after).toEqual({ ...before, data: NEW, version: after?.version });
    expect(after?.version).not.toBe(before?.version);
  });

  it('changes nothing from an old version, and tells what is there now', async () => {
    const { driver } = fixture();
    const { id } = await created(driver);
    const { version = '' } = (await driver.get(id)) ?? {};
    await driver.update(id, { version, data: NEW });
    const late = await driver.update(id, { version, data: Buffer.from('late') });
    expect(late).toEqual({ outcome: 'conflict', session: await driver.get(id) });
    await expect(driver.get(id)).resolves.toMatchObject({ data: NEW });
  });

  it('of 50 from one version exactly one wins', async () => {
    const { driver } = fixture();
    const { id } = await created(driver);
    const { version = '' } = (await driver.get(id)) ?? {};
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        driver.update(id, { version, data: Buffer.from(`${n}`) }),
      ),
    );
    expect(results.filter(({ outcome }) => outcome === 'updated')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(49);
  });

  it('does not bring back what is gone', async () => {
    const { driver, clock } = fixture();
    const [destroyed, revoked] = [await created(driver), await created(driver, { userId: 'bob' })];
    const expired = await created(driver, { ttlMs: 60_000 });
    const before = await Promise.all([destroyed, revoked, expired].map(({ id }) => driver.get(id)));
    await driver.destroy(destroyed.id);
    await driver.destroyAll('bob');
    clock.advance(60_000);
    for (const session of before) {
      const { id = '', version = '' } = session ?? {};
      await expect(driver.update(id, { version, data: NEW })).resolves.toEqual({
        outcome: 'absent',
      });
      await expect(driver.touch(id)).resolves.toBeUndefined();
      await expect(driver.get(id)).resolves.toBeUndefined();
    }
  });

  it('from before a put was replaced changes nothing', async () => {
    const { driver } = fixture();
    const content = { ttlMs: HOUR, data: Buffer.from('first') };
    const { version = '' } = (await driver.put('chosen', content)) ?? {};
    await driver.put('chosen', { ...content, data: Buffer.from('second') });
    await expect(driver.update('chosen', { version, data: NEW })).resolves.toMatchObject({
      outcome: 'conflict',
    });
    await driver.destroy('chosen');
    await driver.put('chosen', { ...content, data: Buffer.from('third') });
    await expect(driver.update('chosen', { version, data: NEW })).resolves.toMatchObject({
      outcome: 'conflict',
      session: { data: Buffer.from('third') },
    });
  });

  it('of an unknown session is absent', async () => {
    const { driver } = fixture();
    await expect(driver.update(newSession().id, { version: '1', data: NEW })).resolves.toEqual({
      outcome: 'absent',
    });
  });
}
