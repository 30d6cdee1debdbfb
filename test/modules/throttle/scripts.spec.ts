import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { EventStream } from '../../../src/common/events/index.js';
import {
  THROTTLE_COUNTER,
  type ThrottlePolicy,
  ThrottleService,
} from '../../../src/modules/throttle/index.js';
import { resolveThrottleOptions } from '../../../src/modules/throttle/throttle.options.js';
import { consumeScript } from '../../../src/modules/throttle/drivers/scripts/throttle-consume.lua.js';
import { PEEK } from '../../../src/modules/throttle/drivers/scripts/throttle-peek.lua.js';
import { BlockListDriver } from '../../../src/modules/throttle/drivers/block-list.driver.js';
import { RedisThrottleDriver } from '../../../src/modules/throttle/drivers/redis-throttle.driver.js';
import {
  packChecks,
  type PackedChecks,
} from '../../../src/modules/throttle/drivers/scripts/script-checks.js';
import { masters, type RedisScript } from '../../../src/common/redis/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  ALL_STRATEGIES,
  checks,
  counted,
  hit,
  hitTimes,
  policy,
  WINDOW,
} from '../../contracts/throttle/throttle-fixture.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';

/** Long ago: nobody waits for such a call any more. */
const PAST = 1;
const FAR_FUTURE = Number.MAX_SAFE_INTEGER;

// A server of our own: what is counted here must not come from other tests.
const redis = useStarted(() => startStandalone());

let open: OpenRedis;
let server: Redis;
let driver: RedisThrottleDriver;
const clock = new FakeClock();

beforeEach(async () => {
  open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
  driver = new RedisThrottleDriver(open.connection, { deadlineMs: 2_000, clock });
  const [node] = masters(open.connection.client('command'));
  if (node === undefined) throw new Error('no server');
  server = node;
});

afterEach(() => open.close());

describe('the round trips of a hit', () => {
  it.each([1, 2, 3, 4, 5])(
    'are one for %i policies, with at most 5 commands each',
    async (count) => {
      const policies = mixed(count);
      await driver.consume(checks('alice', policies));
      const { fromClient, inScript } = await trafficOf(() =>
        driver.consume(checks('alice', policies)),
      );
      expect(fromClient).toEqual(['EVALSHA']);
      expect(inScript.length).toBeLessThanOrEqual(1 + 5 * count);
    },
  );

  it('are one for a peek and one for a reset of five policies', async () => {
    const policies = mixed(5);
    await driver.peek(checks('alice', policies));
    const peek = await trafficOf(() => driver.peek(checks('alice', policies)));
    expect(peek.fromClient).toEqual(['EVALSHA']);
    const reset = await trafficOf(() => driver.reset(checks('alice', policies)));
    expect(reset).toEqual({ fromClient: ['UNLINK'], inScript: [] });
  });
});

describe('the round trips of a hit with limits in shadow', () => {
  it('are one more, for all of them', async () => {
    const service = new ThrottleService(driver, resolveThrottleOptions({}), new EventStream());
    const limits = ['a', 'b', 'c', 'd'].map(
      (name) => ({ name, limit: 5, window: '1m', shadow: name !== 'a' }) as const,
    );
    const consume = async () => {
      await service.refund(await service.consume('alice', limits));
    };
    await consume();
    const { fromClient } = await trafficOf(consume);
    // The last one takes all of it back again.
    expect(fromClient).toEqual(['EVALSHA', 'EVALSHA', 'EVALSHA']);
  });
});

describe('a denied hit behind a block list', () => {
  it('costs no command when it comes again, and one round trip when it is not known', async () => {
    const list = new BlockListDriver(driver, { clock, maxEntries: 100, maxAgeMs: WINDOW });
    const policies = ['one', 'other'].map((name) => policy({ name }));
    const hits = checks('alice', policies);
    await driver.consume(checks('alice', policies.slice(0, 1), 3));
    await list.consume(hits);
    const again = await trafficOf(() =>
      Promise.all(Array.from({ length: 50 }, () => list.consume(hits))),
    );
    expect(again).toEqual({ fromClient: [], inScript: [] });
    list.clear();
    expect((await trafficOf(() => list.consume(hits))).fromClient).toEqual(['EVALSHA']);
  });
});

describe('the commands of a hit', () => {
  const fixed = policy({ strategy: 'fixed-window', limit: 2 });
  const sliding = policy({ strategy: 'sliding-window', limit: 2 });

  it('are these, admitted and denied, in a fixed window', async () => {
    await hit(driver, 'alice', fixed);
    const admitted = await trafficOf(() => hit(driver, 'alice', fixed));
    expect(admitted.inScript).toEqual(['TIME', 'GET', 'SET']);
    const denied = await trafficOf(() => hit(driver, 'alice', fixed));
    expect(denied.inScript).toEqual(['TIME', 'GET']);
  });

  it.each(['sliding-window-counter', 'token-bucket', 'gcra'] as const)(
    'are these, admitted and denied, under %s',
    async (strategy) => {
      const two = policy({ strategy, limit: 2 });
      await hit(driver, 'alice', two);
      const admitted = await trafficOf(() => hit(driver, 'alice', two));
      expect(admitted.inScript).toEqual(['TIME', 'GET', 'SET']);
      const denied = await trafficOf(() => hit(driver, 'alice', two));
      expect(denied.inScript).toEqual(['TIME', 'GET']);
    },
  );

  it('are these, admitted and denied, in a sliding window', async () => {
    await hit(driver, 'alice', sliding);
    const admitted = await trafficOf(() => hit(driver, 'alice', sliding));
    const reading = ['TIME', 'LINDEX', 'LINDEX', 'LLEN'];
    expect(admitted.inScript).toEqual([...reading, 'RPUSH', 'PEXPIRE']);
    const denied = await trafficOf(() => hit(driver, 'alice', sliding));
    expect(denied.inScript).toEqual(reading);
  });

  it('are these for a hit that is taken back, and none more where it counts no longer', async () => {
    const eve = checks('eve', [sliding]);
    const outcome = await driver.consume(eve);
    await driver.refund(counted(checks('loads the script', [fixed]), outcome));
    const reading = ['TIME', 'LINDEX', 'LINDEX', 'LLEN'];
    const taken = await trafficOf(() => driver.refund(counted(eve, outcome)));
    expect(taken.inScript).toEqual([...reading, 'LREM']);
    const nothing = await trafficOf(() => driver.refund(counted(checks('eve', [fixed]), outcome)));
    expect(nothing.inScript).toEqual(['TIME', 'GET']);
  });

  it.each(ALL_STRATEGIES)('do not depend on how many hits are live (%s)', async (strategy) => {
    const many = policy({ strategy, limit: 1_000 });
    await hitTimes(driver, 3, many);
    const few = await trafficOf(() => hit(driver, 'alice', many));
    await hitTimes(driver, 300, many);
    const hundreds = await trafficOf(() => hit(driver, 'alice', many));
    expect(hundreds).toEqual(few);
  });

  it('are three more for every hundred hits that leave a sliding window', async () => {
    const many = policy({ limit: 1_000 });
    await hitTimes(driver, 250, many);
    clock.advance(WINDOW);
    const { inScript } = await trafficOf(() => hit(driver, 'alice', many));
    expect(inScript.length).toBeLessThanOrEqual(6 + 3 * 3);
  });
});

describe('what a hit stores', () => {
  it('is the time of it in whole milliseconds, all 13 digits', async () => {
    const before = clock.now();
    await hit(driver, 'alice', policy());
    clock.advance(1);
    await hit(driver, 'alice', policy());
    const times = await server.lrange(keyOf(policy()), 0, -1);
    expect(times).toEqual([String(before), String(before + 1)]);
  });

  it('is when the window opened and the count, in a fixed window', async () => {
    const opened = clock.now();
    const fixed = policy({ strategy: 'fixed-window' });
    await hit(driver, 'alice', fixed);
    clock.advance(1);
    await hit(driver, 'alice', fixed);
    expect(await server.get(keyOf(fixed))).toBe(`${opened}:2`);
  });
});

describe('a call that arrives when nobody waits for it any more', () => {
  it.each(ALL_STRATEGIES)('is refused before it writes anything (%s)', async (strategy) => {
    const asked = policy({ strategy });
    const [word, serverTime] = (await consumeAt(asked, PAST)) as [unknown, unknown];
    expect(word).toBe('late');
    expect(Number(serverTime)).toBeGreaterThan(Date.UTC(2020, 0, 1));
    expect(await server.exists(keyOf(asked))).toBe(0);
  });

  it('leaves the count as it is', async () => {
    await hit(driver, 'alice', policy());
    await consumeAt(policy(), PAST);
    expect(await server.llen(keyOf(policy()))).toBe(1);
  });

  it('is run in time, and a peek at any time', async () => {
    const { decode } = consumeScript(checkOf(policy()).kinds);
    expect(decode(await consumeAt(policy(), FAR_FUTURE))).toMatchObject([
      { allowed: true, states: [{ remaining: 2 }] },
    ]);
    expect(PEEK.decode(await peekAt(policy(), PAST))).toMatchObject([
      { allowed: true, states: [{ remaining: 2 }] },
    ]);
  });
});

describe('a server that forgot its scripts', () => {
  it('is taught them again without losing or repeating a hit', async () => {
    await hit(driver, 'alice', policy());
    await server.script('FLUSH');
    expect(await hit(driver, 'alice', policy())).toMatchObject({ allowed: true, remaining: 1 });
    await server.script('FLUSH');
    expect(await driver.peek(checks('alice', [policy()]))).toMatchObject({
      decisions: [{ remaining: 1 }],
    });
    const { fromClient } = await trafficOf(() => hit(driver, 'alice', policy()));
    expect(fromClient).toEqual(['EVALSHA', 'EVAL']);
  });

  it.each(ALL_STRATEGIES)(
    'all the time admits exactly the limit to parallel calls of four instances (%s)',
    async (strategy) => {
      const fifty = policy({ strategy, limit: 50, burst: 50 });
      const prefix = open.redis.options.prefix;
      const opened = await Promise.all(
        Array.from({ length: 4 }, () => openRedis({ url: redis().url }, { prefix })),
      );
      const drivers = opened.map(
        ({ connection }) => new RedisThrottleDriver(connection, { deadlineMs: 5_000, clock }),
      );
      let admitted = 0;
      for (let round = 0; round < 10; round += 1) {
        const hits = drivers.flatMap((each) =>
          Array.from({ length: 2 }, () => hit(each, 'alice', fifty)),
        );
        const [answers] = await Promise.all([Promise.all(hits), server.script('FLUSH')]);
        admitted += answers.filter(({ allowed }) => allowed).length;
      }
      for (const { close } of opened) close();
      expect(admitted).toBe(50);
    },
  );
});

/** Takes leases on a connection of its own, says so, and holds them until it is killed, or we are. */
const HOLDER = `
  import { Redis } from 'ioredis';
  process.stdin.on('end', () => process.exit()).resume();
  const [url, ...call] = process.argv.slice(1);
  console.log(await new Redis(url).eval(...call));
`;

describe('a process that is killed', () => {
  it('leaves leases that end one window after it took them', async () => {
    const held = policy({ strategy: 'concurrency' });
    const packed = packChecks([[{ policy: held, cost: 2, key: keyOf(held), blockKey: undefined }]]);
    const call = [packed.keys.length, ...packed.keys, FAR_FUTURE, clock.now(), packed.plan];
    const args = [redis().url, consumeScript(packed.kinds).source, ...call.map(String)];
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, ...args]);
    const [said] = await once(holder.stdout, 'data');
    expect(JSON.parse(String(said))).toEqual([clock.now(), 1, 1, 1, WINDOW, 0]);
    const killed = once(holder, 'exit');
    holder.kill('SIGKILL');
    expect(await killed).toEqual([null, 'SIGKILL']);

    clock.advance(WINDOW - 1);
    expect(await hitTimes(driver, 3, held)).toBe(1);
    clock.advance(1);
    expect(await hitTimes(driver, 3, held)).toBe(2);
  });
});

function mixed(count: number): ThrottlePolicy[] {
  return Array.from({ length: count }, (_, index) =>
    policy({
      name: `p${index}`,
      limit: 10,
      strategy: ALL_STRATEGIES[index % ALL_STRATEGIES.length] ?? 'gcra',
    }),
  );
}

function keyOf(asked: ThrottlePolicy): string {
  return open.connection.keys.key(THROTTLE_COUNTER, 'alice', asked.name, asked.strategy);
}

/** Run a script by itself, by the server's own clock. */
function consumeAt(asked: ThrottlePolicy, deadline: number): Promise<unknown> {
  const packed = checkOf(asked);
  return run(consumeScript(packed.kinds), packed, deadline);
}

function peekAt(asked: ThrottlePolicy, deadline: number): Promise<unknown> {
  return run(PEEK, checkOf(asked), deadline);
}

function checkOf(asked: ThrottlePolicy): PackedChecks {
  return packChecks([[{ policy: asked, cost: 1, key: keyOf(asked), blockKey: undefined }]]);
}

function run<T>(script: RedisScript<T, T, unknown>, given: T, deadline: number): Promise<unknown> {
  const keys = script.keys(given);
  return server.eval(script.source, keys.length, ...keys, deadline, '', ...script.args(given));
}

interface Traffic {
  readonly fromClient: readonly string[];
  readonly inScript: readonly string[];
}

/** The commands a server executes during `work`, as it reports them itself (MONITOR). */
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
  const names = (wanted: typeof commands) =>
    wanted.map(({ args }) => String(args[0]).toUpperCase());
  return {
    fromClient: names(commands.filter(({ source }) => source !== 'lua')),
    inScript: names(commands.filter(({ source }) => source === 'lua')),
  };
}
