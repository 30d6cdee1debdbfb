import { masters, type RedisNodeClient } from '../../../src/common/redis/index.js';
import { userKeyOf } from '../../../src/modules/session/session-id.js';
import type { RedisSessionFixture } from './session-drivers.js';
import { created, credentialOf, EAGER, HOUR, useFixture } from './session-fixture.js';

/**
 * What a reader of the database finds: nothing without a time to live, no secret, no user's name.
 */
export function leftoversSuite(open: () => Promise<RedisSessionFixture>): void {
  const fixture = useFixture(open);

  async function keysLeft(): Promise<readonly string[]> {
    const { connection } = fixture();
    const pattern = `${connection.keys.key(FAMILY, 'x').split(':')[0] ?? ''}:session:*`;
    const found = await Promise.all(
      masters(connection.client('command')).map((node) => scanAll(node, pattern)),
    );
    return found.flat().toSorted();
  }

  const client = () => fixture().connection.client('command');

  it('every key lives as long as the longest session and no key for ever', async () => {
    const { driver } = fixture();
    const sessions = [await created(driver), await created(driver, { ttlMs: 2 * HOUR })];
    await driver.touch(sessions[0]?.id ?? '');
    await driver.validate(credentialOf(sessions[0] ?? (await created(driver))), EAGER);
    await driver.put('chosen', { ttlMs: HOUR, data: Buffer.from('data') });
    await created(driver, { userId: 'bob' });
    await driver.destroyAll('bob');
    const keys = await keysLeft();
    expect(keys.length).toBeGreaterThan(6);
    const lives = await Promise.all(keys.map(async (key) => client().pttl(key)));
    for (const life of lives) expect(life).toBeGreaterThan(0);
    const ofUser = keys.filter((key) => key.endsWith(userKeyOf('alice')));
    expect(ofUser).toHaveLength(2);
    for (const key of ofUser) expect(await client().pttl(key)).toBeGreaterThan(HOUR);
  });

  it('a destroyed session leaves nothing but the generation of its user', async () => {
    const { driver } = fixture();
    await driver.destroy((await created(driver)).id);
    await driver.put('chosen', { ttlMs: HOUR, data: Buffer.from('data') });
    await driver.destroy('chosen');
    const keys = await keysLeft();
    expect(keys).toEqual([expect.stringContaining(':generation:')]);
  });

  it('revoked sessions leave only their records', async () => {
    const { driver } = fixture();
    const { id } = await created(driver);
    await driver.destroyAll('alice');
    await expect(keysLeft()).resolves.toEqual([expect.stringContaining(`:session:${id}`)]);
  });

  it('a lost index or generation revives nothing: revocation needs neither', async () => {
    const { driver } = fixture();
    const session = await created(driver);
    const keys = await keysLeft();
    await Promise.all(keys.filter((key) => key.includes(':user:')).map((key) => client().del(key)));
    await expect(driver.destroyAll('alice')).resolves.toBe(0);
    await expect(driver.get(session.id)).resolves.toBeUndefined();

    const other = await created(driver, { userId: 'bob' });
    const generations = (await keysLeft()).filter((key) => key.includes(':generation:'));
    await Promise.all(generations.map((key) => client().del(key)));
    await expect(driver.validate(credentialOf(other), EAGER)).resolves.toBeUndefined();
    await created(driver, { userId: 'bob' });
    await expect(driver.validate(credentialOf(other), EAGER)).resolves.toBeUndefined();
  });
}

async function scanAll(node: RedisNodeClient, pattern: string): Promise<readonly string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
    for (const key of keys) found.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...found];
}

const FAMILY = {
  module: 'session',
  version: 1,
  layout: '',
  type: 'string',
  ttl: '',
  evictable: false,
  purpose: '',
} as const;
