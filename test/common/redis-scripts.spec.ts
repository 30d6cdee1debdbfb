import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import { defineScript, type RedisConnection } from '../../src/common/redis/index.js';
import { ServerClock } from '../../src/common/redis/server-clock.js';
import { FakeClock } from '../../src/testing/index.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { infoField, queryRedis } from '../support/redis/redis-query.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { assertTopology } from '../support/redis/topology.js';
import { BORROWABLE, RedisFixture } from './redis-fixture.js';

const BOUNDS = { deadlineMs: 5_000 };
const MINUTE_MS = 60_000;

interface CounterKeys {
  readonly counter: string;
}

interface Counted {
  readonly value: number;
  readonly at: number;
}

const ADD = defineScript<CounterKeys, { readonly by: number }, Counted>({
  name: 'test-add',
  mode: 'write',
  lua: `
local value = redis.call('INCRBY', KEYS[1], arg(1))
redis.call('PEXPIRE', KEYS[1], ${MINUTE_MS})
return { value, now }
`,
  keys: ({ counter }) => [counter],
  args: ({ by }) => [by],
  decode: (reply) => {
    const [value, at] = reply as [number, number];
    return { value, at };
  },
});

const ECHO = defineScript<CounterKeys, { readonly bytes: Buffer }, Buffer>({
  name: 'test-echo',
  mode: 'read',
  bytes: true,
  lua: 'return arg(1)',
  keys: ({ counter }) => [counter],
  args: ({ bytes }) => [bytes],
  decode: (reply) => reply as Buffer,
});

describe('a script', () => {
  const redis = useStarted(() => startStandalone());
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });
  let fixture: RedisFixture;
  let connection: RedisConnection;
  let counter: string;

  beforeEach(async () => {
    fixture = new RedisFixture({ default: { url: redis().url } });
    connection = await fixture.connect();
    counter = `${fixture.app}:counter`;
  });

  afterEach(() => {
    jest.restoreAllMocks();
    fixture.close();
  });

  it('gets its keys, its arguments and the time of the server, and gives its reply', async () => {
    await connection.command((client) => assertTopology(client, 'standalone'), BOUNDS);
    const first = await add(2);
    const second = await add(40);
    expect([first.value, second.value]).toEqual([2, 42]);
    const [seconds] = await connection.command((client) => client.time(), BOUNDS);
    expect(Math.abs(first.at - Number(seconds) * 1_000)).toBeLessThan(10_000);
    expect(second.at).toBeGreaterThanOrEqual(first.at);
  });

  it('sees the time that a test gives it', async () => {
    const clock = new FakeClock(1_000);
    await expect(add(1, { clock })).resolves.toEqual({ value: 1, at: 1_000 });
    clock.advance(500);
    await expect(add(1, { clock })).resolves.toEqual({ value: 2, at: 1_500 });
  });

  it('passes bytes through unchanged where it asks for them', async () => {
    const bytes = Buffer.from([0, 255, 128, 10, 13, 0xc3, 0x28]);
    const call = { keys: { counter }, args: { bytes }, ...BOUNDS };
    await expect(connection.script(ECHO, call)).resolves.toEqual(bytes);
  });

  it('is sent by its hash only, once the server knows it', async () => {
    await add(1);
    const before = await calls();
    await add(1);
    const after = await calls();
    expect(after).toEqual({ ...before, evalsha: before.evalsha + 1 });
  });

  it.each([
    [3, 1],
    [20, 3],
  ])('goes out with others of its turn: %i commands in %i writes', async (commands, expected) => {
    await add(1);
    const writes = [
      jest.spyOn(Socket.prototype, '_write'),
      // The type of a socket does not tell that it can write several things at once.
      jest.spyOn(Socket.prototype as Required<Writable>, '_writev'),
    ];
    const ping = connection.command((client) => client.ping(), BOUNDS);
    await Promise.all([ping, ...Array.from({ length: commands - 1 }, () => add(1))]);
    const counts = writes.map(({ mock }) => mock.calls.length);
    expect(counts).toEqual([0, expected]);
  });

  it('is loaded again when the server has forgotten it', async () => {
    await add(1);
    await queryRedis(redis().url, (client) => client.script('FLUSH'));
    await expect(add(1)).resolves.toMatchObject({ value: 2 });
  });

  it('fails as the server says when it is wrong', async () => {
    await connection.command((client) => client.lpush(counter, 'a list'), BOUNDS);
    await expect(add(1)).rejects.toMatchObject({ name: 'ReplyError' });
    expect(connection.gate.counters.failures).toBe(0);
  });

  it('is sent once more when only our estimate of the server time was wrong', async () => {
    await add(1);
    shiftOurClock(() => -10_000);
    const before = await calls();
    await expect(add(1)).resolves.toMatchObject({ value: 2 });
    await expect(add(1)).resolves.toMatchObject({ value: 3 });
    const after = await calls();
    expect(after.evalsha - before.evalsha).toBe(3); // refused, corrected, and right from then on
  });

  it('is sent once more also where the time of the server arrives as text', async () => {
    const client = new Redis(redis().url, { ...BORROWABLE, lazyConnect: true });
    fixture.close();
    fixture = new RedisFixture({ default: { client } });
    client.options.stringNumbers = true; // as nobody may, once the options were checked
    await client.connect();
    connection = await fixture.connect();
    shiftOurClock(() => -10_000);
    await expect(add(1)).resolves.toMatchObject({ value: '1' });
    await expect(read()).resolves.toBe('1');
    client.disconnect();
  });

  it('has what is left of its deadline when it is sent once more', async () => {
    fixture.close();
    fixture = new RedisFixture({ default: { url: proxy().url } });
    connection = await fixture.connect();
    await add(1);
    await proxy().delay(60);
    shiftOurClock(() => -10_000);
    const run = jest.spyOn(connection.gate, 'run');
    await expect(add(1)).resolves.toMatchObject({ value: 2 });
    const [first = 0, second = 0] = run.mock.calls.map(([, bounds]) => bounds.deadlineMs);
    expect(first).toBe(BOUNDS.deadlineMs);
    // One round trip through that network takes 120 ms, and a timer may be a moment early.
    expect(second).toBeLessThanOrEqual(first - 115);
    expect(second).toBeGreaterThan(0);
  });

  it('changes nothing and says so when it is refused again', async () => {
    await add(1);
    shiftOurClock(() => -10_000);
    // As if the server's clock jumped once more while the correction was on its way.
    jest.spyOn(ServerClock.prototype, 'refine').mockImplementation(() => undefined);
    await expect(add(1)).rejects.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      reason: 'refused',
      outcome: 'not-executed',
    });
    jest.restoreAllMocks();
    await expect(read()).resolves.toBe('1');
  });

  it('that only reads is never refused', async () => {
    shiftOurClock(() => -10_000);
    const call = { keys: { counter }, args: { bytes: Buffer.from('a') }, ...BOUNDS };
    await expect(connection.script(ECHO, call)).resolves.toEqual(Buffer.from('a'));
  });

  it('does nothing when it runs after its caller stopped waiting', async () => {
    await add(1);
    const before = await calls();
    redis().process.freeze();
    await expect(add(1, { deadlineMs: 50 })).rejects.toMatchObject({
      reason: 'deadline',
      outcome: 'unknown',
    });
    redis().process.thaw();
    await eventually(async () => (await calls()).evalsha > before.evalsha);
    await expect(read()).resolves.toBe('1');
  });

  function add(by: number, options: { deadlineMs?: number; clock?: FakeClock } = {}) {
    return connection.script(ADD, { keys: { counter }, args: { by }, ...BOUNDS, ...options });
  }

  function read(): Promise<string | null> {
    return queryRedis(redis().url, (client) => client.get(counter));
  }

  /** As if this machine and the server disagreed about how much time has passed. */
  function shiftOurClock(shiftMs: () => number): void {
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + shiftMs());
  }

  async function calls(): Promise<{ readonly evalsha: number; readonly eval: number }> {
    const stats = await queryRedis(redis().url, (client) => client.info('commandstats'));
    const of = (command: string) =>
      Number(/calls=(\d+)/.exec(infoField(stats, `cmdstat_${command}`) ?? '')?.[1] ?? 0);
    return { evalsha: of('evalsha'), eval: of('eval') };
  }
});
