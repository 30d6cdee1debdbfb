import { created, HOUR, newSession, type OpenSessions, useFixture } from './session-fixture.js';

const MINUTE = 60_000;

/** Creating, reading, touching and expiring. */
export function lifecycleSuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it('create tells everything about the session, and get the same', async () => {
    const { driver, clock } = fixture();
    const session = newSession();
    const stored = await driver.create(session);
    expect(stored).toEqual({
      ...session,
      createdAtMs: clock.now(),
      lastSeenAtMs: clock.now(),
      expiresAtMs: clock.now() + HOUR,
      version: expect.any(String) as unknown,
    });
    await expect(driver.get(session.id)).resolves.toEqual(stored);
  });

  it('get of what was never there is undefined, also for ids of no form', async () => {
    const { driver } = fixture();
    await expect(driver.get(newSession().id)).resolves.toBeUndefined();
    await expect(driver.get('user_123')).resolves.toBeUndefined();
  });

  it('create under a taken id changes nothing', async () => {
    const { driver } = fixture();
    const first = await created(driver);
    const second = { ...newSession(), id: first.id, data: Buffer.from('other') };
    await expect(driver.create(second)).resolves.toBeUndefined();
    await expect(driver.get(first.id)).resolves.toMatchObject({ data: first.data });
  });

  it('create refuses an id that was not made for the user', async () => {
    const { driver } = fixture();
    const { id } = newSession({ userId: 'bob' });
    for (const wrong of [id, 'user_123', id.toUpperCase()]) {
      const attempt = driver.create({ ...newSession(), id: wrong });
      await expect(attempt).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option: 'id' });
    }
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])('a life of %d ms is refused', async (ttlMs) => {
    const { driver } = fixture();
    const refusal = { code: 'E_INVALID_OPTION' };
    await expect(driver.create(newSession({ ttlMs }))).rejects.toMatchObject(refusal);
    const put = driver.put('chosen', { ttlMs, data: Buffer.from('x') });
    await expect(put).rejects.toMatchObject(refusal);
    await expect(driver.get('chosen')).resolves.toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['too many characters', 'x'.repeat(1_025)],
    ['half a character', 'half \ud83d'],
  ])('an id of %s is refused', async (_what, wrong) => {
    const { driver } = fixture();
    const refusal = { code: 'E_INVALID_OPTION' };
    await expect(driver.get(wrong)).rejects.toMatchObject(refusal);
    await expect(driver.touch(wrong)).rejects.toMatchObject(refusal);
    await expect(driver.destroy(wrong)).rejects.toMatchObject(refusal);
    await expect(driver.list(wrong)).rejects.toMatchObject(refusal);
    await expect(driver.destroyAll(wrong)).rejects.toMatchObject(refusal);
  });

  it('a session is there until its time is over and not a millisecond longer', async () => {
    const { driver, clock } = fixture();
    const { id } = await created(driver);
    clock.advance(HOUR - 1);
    await expect(driver.get(id)).resolves.toBeDefined();
    clock.advance(1);
    await expect(driver.get(id)).resolves.toBeUndefined();
    await expect(driver.touch(id)).resolves.toBeUndefined();
    await expect(driver.destroy(id)).resolves.toBeUndefined();
  });

  it('touch starts the life anew and leaves the rest as it is', async () => {
    const { driver, clock } = fixture();
    const { id } = await created(driver);
    const before = await driver.get(id);
    clock.advance(50 * MINUTE);
    const touched = await driver.touch(id);
    const times = { lastSeenAtMs: clock.now(), expiresAtMs: clock.now() + HOUR };
    expect(touched).toEqual({ ...before, ...times });
    clock.advance(HOUR - 1);
    await expect(driver.get(id)).resolves.toEqual(touched);
  });

  it('touch when the clock was set back makes no session older', async () => {
    const { driver, clock } = fixture();
    const { id } = await created(driver);
    const before = await driver.get(id);
    clock.advance(-MINUTE);
    await expect(driver.touch(id)).resolves.toEqual(before);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
    ['a megabyte', Buffer.alloc(2 ** 20, 7)],
  ])('data of %s comes back as it was', async (_what, data) => {
    const { driver } = fixture();
    const { id } = await created(driver, { data, origin: data });
    const stored = await driver.get(id);
    expect(stored?.data.equals(data)).toBe(true);
    expect(stored?.origin.equals(data)).toBe(true);
  });

  it.each([
    ['separators', 'a:b{x}*'],
    ['other letters', 'žluťoučký 🐎'],
    ['white space', ' a b\n'],
    ['the most characters', 'x'.repeat(1_024)],
    ['one sign', '-'],
  ])('a user id of %s is like any other', async (_what, userId) => {
    const { driver } = fixture();
    const { id } = await created(driver, { userId });
    await expect(driver.get(id)).resolves.toMatchObject({ userId });
    await expect(driver.destroyAll(userId)).resolves.toBe(1);
    await expect(driver.get(id)).resolves.toBeUndefined();
  });
}
