import {
  created,
  credentialOf,
  EAGER,
  HOUR,
  newSession,
  type OpenSessions,
  useFixture,
} from './session-fixture.js';

const CONTENT = { ttlMs: HOUR, data: Buffer.from('content') };

/** Sessions under ids that the caller chose. */
export function putSuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it.each([
    ['a word', 'user_123'],
    ['separators', 'a:b{c}*'],
    ['other letters', 'žluťoučký 🐎'],
    ['the most characters', 'x'.repeat(1_024)],
    ['the form of an issued one', newSession().id],
  ])('stores, reads, touches and ends what is under an id of %s', async (_what, id) => {
    const { driver, clock } = fixture();
    const stored = await driver.put(id, CONTENT);
    expect(stored).toMatchObject({ id, data: CONTENT.data, expiresAtMs: clock.now() + HOUR });
    expect(stored).toMatchObject({ userId: undefined, secretHash: undefined });
    await expect(driver.get(id)).resolves.toEqual(stored);
    clock.advance(1_000);
    await expect(driver.touch(id)).resolves.toMatchObject({ lastSeenAtMs: clock.now() });
    await expect(driver.destroy(id)).resolves.toEqual({ userId: undefined });
    await expect(driver.get(id)).resolves.toBeUndefined();
  });

  it('replaces what was put there before, with a life of its own', async () => {
    const { driver, clock } = fixture();
    await driver.put('chosen', CONTENT);
    clock.advance(1_000);
    await driver.put('chosen', { ttlMs: 60_000, data: Buffer.from('second') });
    await expect(driver.get('chosen')).resolves.toMatchObject({
      data: Buffer.from('second'),
      createdAtMs: clock.now(),
    });
    clock.advance(60_000);
    await expect(driver.get('chosen')).resolves.toBeUndefined();
  });

  it('leaves a live session with a secret alone', async () => {
    const { driver } = fixture();
    const session = await created(driver);
    await expect(driver.put(session.id, CONTENT)).resolves.toBeUndefined();
    await expect(driver.validate(credentialOf(session), EAGER)).resolves.toBeDefined();
  });

  it('no credential opens it, not even under the id of a session that was revoked', async () => {
    const { driver } = fixture();
    const session = await created(driver);
    await driver.destroyAll('alice');
    await expect(driver.put(session.id, CONTENT)).resolves.toBeDefined();
    await created(driver);
    const right = credentialOf(session);
    for (const secretHash of [right.secretHash, '', 'undefined', 'false']) {
      const opened = driver.validate({ ...right, secretHash }, EAGER);
      await expect(opened).resolves.toBeUndefined();
    }
    await expect(driver.validate({ ...right, userKey: '-' }, EAGER)).resolves.toBeUndefined();
    await expect(driver.list('alice')).resolves.toHaveLength(1);
    await expect(driver.destroyAll('alice')).resolves.toBe(1);
    await expect(driver.get(session.id)).resolves.toMatchObject({ data: CONTENT.data });
  });
}
