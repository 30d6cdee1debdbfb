import { createSecret, hashSecret, userKeyOf } from '../../../src/modules/session/session-id.js';
import {
  created,
  credentialOf,
  EAGER,
  HOUR,
  LAZY,
  newSession,
  type OpenSessions,
  useFixture,
} from './session-fixture.js';

/** What a cookie opens, and what it does not. */
export function validateSuite(open: OpenSessions): void {
  const fixture = useFixture(open);

  it('the credential of a session opens it', async () => {
    const { driver } = fixture();
    const session = await created(driver);
    await expect(driver.validate(credentialOf(session), LAZY)).resolves.toEqual({
      session: await driver.get(session.id),
      isTouched: false,
    });
  });

  it('nothing else opens it, and nothing else touches it', async () => {
    const { driver, clock } = fixture();
    const session = await created(driver);
    const other = await created(driver);
    const before = await driver.get(session.id);
    clock.advance(1_000);
    const right = credentialOf(session);
    const wrong = [
      { ...right, secretHash: hashSecret(createSecret()) },
      { ...right, secretHash: other.secretHash },
      { ...right, secretHash: `${right.secretHash.slice(0, -1)}x` },
      { ...right, secretHash: right.secretHash.slice(0, -1) },
      { ...right, secretHash: '' },
      { ...right, secretHash: 'any' },
      { ...right, userKey: userKeyOf('bob') },
      { ...right, id: other.id },
      credentialOf(newSession()),
    ];
    for (const credential of wrong) {
      await expect(driver.validate(credential, EAGER)).resolves.toBeUndefined();
    }
    await expect(driver.get(session.id)).resolves.toEqual(before);
  });

  it('touches once the share of the life has passed since the last touch, not before', async () => {
    const { driver, clock } = fixture();
    const credential = credentialOf(await created(driver));
    const rule = { touchPermille: 100 };
    clock.advance(HOUR / 10 - 1);
    await expect(driver.validate(credential, rule)).resolves.toMatchObject({ isTouched: false });
    clock.advance(1);
    await expect(driver.validate(credential, rule)).resolves.toMatchObject({
      isTouched: true,
      session: { lastSeenAtMs: clock.now(), expiresAtMs: clock.now() + HOUR },
    });
    await expect(driver.validate(credential, rule)).resolves.toMatchObject({ isTouched: false });
  });

  it('keeps a session alive that is used, far beyond its first life', async () => {
    const { driver, clock } = fixture();
    const session = await created(driver);
    for (let count = 0; count < 10; count += 1) {
      clock.advance(HOUR - 1);
      await expect(driver.validate(credentialOf(session), EAGER)).resolves.toBeDefined();
    }
    await expect(driver.list('alice')).resolves.toHaveLength(1);
  });

  it('opens nothing that expired or was destroyed', async () => {
    const { driver, clock } = fixture();
    const [destroyed, expired] = [await created(driver), await created(driver)];
    await driver.destroy(destroyed.id);
    await expect(driver.validate(credentialOf(destroyed), EAGER)).resolves.toBeUndefined();
    clock.advance(HOUR);
    await expect(driver.validate(credentialOf(expired), EAGER)).resolves.toBeUndefined();
  });
}
