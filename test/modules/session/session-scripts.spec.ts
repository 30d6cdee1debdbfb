import type { Redis } from 'ioredis';
import { masters } from '../../../src/common/redis/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import { RedisSessionDriver } from '../../../src/modules/session/drivers/redis-session.driver.js';
import { SESSION_TOUCH } from '../../../src/modules/session/drivers/scripts/session-touch.lua.js';
import { bucketOf, userKeyOf } from '../../../src/modules/session/session-id.js';
import { SESSION_RECORD } from '../../../src/modules/session/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  created,
  credentialOf,
  EAGER,
  HOUR,
  LAZY,
  newSession,
} from '../../contracts/session/session-fixture.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';

// A server of our own: what is counted here must not come from other tests.
const redis = useStarted(() => startStandalone());

let open: OpenRedis;
let server: Redis;
let driver: RedisSessionDriver;

beforeEach(async () => {
  open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
  driver = new RedisSessionDriver(open.connection, { deadlineMs: 2_000 });
  const [node] = masters(open.connection.client('command'));
  if (node === undefined) throw new Error('no server');
  server = node;
});

afterEach(() => open.close());

describe('the cost on the server', () => {
  it('of a request with a cookie is one command, and two inside of it; a touch twelve more', async () => {
    const session = await created(driver);
    const credential = credentialOf(session);
    // The first call of a script loads it.
    await driver.validate(credential, LAZY);
    const load = await trafficOf(() => driver.validate(credential, LAZY));
    expect(load.fromClient).toEqual(['EVALSHA']);
    expect(load.inScript).toEqual(['TIME', 'GET', 'HMGET']);
    const touch = await trafficOf(() => driver.validate(credential, EAGER));
    expect(touch.fromClient).toEqual(['EVALSHA']);
    expect(touch.inScript.length).toBeLessThanOrEqual(3 + 12);
  });

  it.each<readonly [what: string, call: (id: string) => Promise<unknown>, commands: number]>([
    ['create', () => driver.create(newSession()), 1],
    ['get', (id) => driver.get(id), 2],
    ['touch', (id) => driver.touch(id), 2],
    ['update', (id) => driver.update(id, { version: '', data: Buffer.from('x') }), 2],
    ['destroy', (id) => driver.destroy(id), 2],
    ['put', () => driver.put('chosen', { ttlMs: HOUR, data: Buffer.from('x') }), 1],
    ['list', () => driver.list('alice'), 2],
    ['destroyAll', () => driver.destroyAll('alice'), 1],
    ['count', () => driver.count(), 4],
  ])('of %s is a fixed number of round trips', async (_what, call, commands) => {
    const { id } = await created(driver);
    await call(id);
    const { fromClient } = await trafficOf(() => call(id));
    expect(fromClient).toHaveLength(commands);
  });

  it('of ending 1000 sessions of a user does not grow in commands', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => created(driver)));
    const { inScript } = await trafficOf(() => driver.destroyAll('alice'));
    expect(inScript.length).toBeLessThanOrEqual(9);
    await expect(driver.count()).resolves.toBe(0);
  });
});

describe('a write that comes too late', () => {
  it('changes nothing', async () => {
    const session = await created(driver);
    const before = await driver.get(session.id);
    const userKey = userKeyOf(session.userId);
    const { keys } = open.connection;
    const key = keys.key(SESSION_RECORD, bucketOf(session.id), 'session', session.id);
    const args = SESSION_TOUCH.args({
      id: session.id,
      userKey,
      secretHash: undefined,
      touchPermille: 0,
    });
    const reply = await server.eval(SESSION_TOUCH.source, 4, key, key, key, key, 1, '', ...args);
    expect(reply).toEqual(['late', expect.any(Number)]);
    await expect(driver.get(session.id)).resolves.toEqual(before);
  });
});

describe('a server that is full', () => {
  afterEach(() => server.config('SET', 'maxmemory', '0'));

  it('still opens, touches and ends sessions', async () => {
    const [session, other] = [await created(driver), await created(driver, { userId: 'bob' })];
    await server.config('SET', 'maxmemory', '1');
    await expect(driver.create(newSession())).rejects.toMatchObject({ reason: 'refused' });
    const put = driver.put('chosen', { ttlMs: HOUR, data: Buffer.from('x') });
    await expect(put).rejects.toMatchObject({ reason: 'refused' });
    await expect(driver.validate(credentialOf(session), EAGER)).resolves.toMatchObject({
      isTouched: true,
    });
    await expect(driver.destroyAll('alice')).resolves.toBe(1);
    await expect(driver.get(session.id)).resolves.toBeUndefined();
    await expect(driver.destroy(other.id)).resolves.toEqual({ userId: 'bob' });
  });
});

describe('two drivers on one server', () => {
  it('see one session, and its end', async () => {
    const other = new RedisSessionDriver(open.connection, { deadlineMs: 2_000 });
    const session = await created(driver);
    await expect(other.validate(credentialOf(session), LAZY)).resolves.toBeDefined();
    await other.destroyAll('alice');
    await expect(driver.validate(credentialOf(session), LAZY)).resolves.toBeUndefined();
  });

  it('time by the server: a session ends by itself', async () => {
    const { id } = await created(driver, { ttlMs: 50 });
    await eventually(async () => (await driver.get(id)) === undefined);
    await expect(driver.list('alice')).resolves.toEqual([]);
  });
});

describe('the memory driver', () => {
  it('keeps so many sessions, and ends the one unused for longest', async () => {
    const clock = new FakeClock();
    const memory = new MemorySessionDriver({ clock, maxSessions: 3 });
    const sessions = [await created(memory), await created(memory), await created(memory)];
    await memory.touch(sessions[0]?.id ?? '');
    await created(memory);
    await expect(memory.get(sessions[1]?.id ?? '')).resolves.toBeUndefined();
    await expect(memory.get(sessions[0]?.id ?? '')).resolves.toBeDefined();
    await expect(memory.list('alice')).resolves.toHaveLength(3);
  });

  it('does not grow with sessions whose time is over', async () => {
    const clock = new FakeClock();
    const memory = new MemorySessionDriver({ clock, maxSessions: 20 });
    const lasting = await created(memory, { ttlMs: 100 * HOUR });
    for (let count = 0; count < 100; count += 1) {
      await created(memory, { userId: `user ${count}`, ttlMs: 1 });
      clock.advance(1);
    }
    await expect(memory.get(lasting.id)).resolves.toBeDefined();
  });
});

interface Traffic {
  readonly fromClient: readonly string[];
  readonly inScript: readonly string[];
}

/** What the server ran while `work` was under way, by MONITOR. */
async function trafficOf(work: () => Promise<unknown>): Promise<Traffic> {
  const monitor = await server.monitor();
  const seen: { readonly args: readonly string[]; readonly source: string }[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    seen.push({ args, source });
  });
  const end = uniquePrefix();
  try {
    await work();
    await server.echo(end);
    await eventually(() => seen.some(({ args }) => args[1] === end));
  } finally {
    monitor.disconnect();
  }
  const commands = seen.filter(({ args }) => args[1] !== end);
  const namesFrom = (isScript: boolean): readonly string[] =>
    commands
      .filter(({ source }) => (source === 'lua') === isScript)
      .map(({ args }) => String(args[0]).toUpperCase());
  return { fromClient: namesFrom(false), inScript: namesFrom(true) };
}
