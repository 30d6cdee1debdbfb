import { Redis } from 'ioredis';
import { Test, type TestingModule } from '@nestjs/testing';
import { EventStream } from '../../src/common/events/index.js';
import { RedisModule, type RedisTarget } from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { LockModule, type LockOptions, LockService } from '../../src/modules/lock/index.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { startSentinel } from '../support/redis/redis-sentinel.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { timed } from '../support/stalls.js';

const TTL = { ttl: '10m' } as const;
/** Where Redis is well: a busy machine may miss the deadline of a try. */
const IN_THE_END = { ...TTL, wait: '5s' } as const;
const DEADLINE_MS = 100;
/** The deadline, and what a busy machine adds. */
const SLOWEST_MS = DEADLINE_MS + 300;
/** Where a test is not about the deadline, a busy machine may take longer than that. */
const PATIENT = { deadline: '2s' } as const;
const SINGLE = { onRedisDown: 'memory' } as const;
const DOWN = { code: 'E_LOCK_BACKEND_DOWN' };

/** An application with locks on a Redis that a test makes fail. */
class LockApp {
  readonly locks: LockService;
  readonly degraded: string[] = [];
  readonly recovered: number[] = [];
  readonly lost: string[] = [];

  private constructor(readonly module: TestingModule) {
    this.locks = module.get(LockService);
    const events = module.get(EventStream);
    events.on('redis.degraded', ({ reason }) => this.degraded.push(reason));
    events.on('redis.recovered', ({ downMs }) => this.recovered.push(downMs));
    events.on('lock.lost', ({ key }) => this.lost.push(key));
  }

  static async start(
    target: RedisTarget,
    prefix: string,
    lock: LockOptions = {},
  ): Promise<LockApp> {
    const imports = [
      RedisModule.forRoot({
        connections: { default: target },
        prefix,
        bootTimeout: '10s',
        breaker: { probeInterval: 50 },
      }),
      LockModule.forRoot({ deadline: DEADLINE_MS, ...lock }),
    ];
    const module = await Test.createTestingModule({ imports }).compile();
    return new LockApp(await module.init());
  }

  get backing(): string | undefined {
    const status = this.module.get(ServiceRegistry).list();
    return status.find(({ service }) => service === 'lock')?.backing();
  }

  /** Asks until the breaker has opened; every answer has to come in time. */
  async goesAway(): Promise<void> {
    await eventually(async () => {
      const startedAt = performance.now();
      await this.locks.tryAcquire('asked while it goes', TTL).catch(() => undefined);
      expect(performance.now() - startedAt).toBeLessThan(SLOWEST_MS);
      return this.backing !== 'redis';
    });
  }

  /** Waits until locks are on Redis again. */
  async comesBack(): Promise<void> {
    await eventually(() => this.recovered.length >= 1 && this.backing === 'redis');
  }
}

const redis = useStarted(startStandalone);
let proxy: FaultProxy;
let direct: Redis;
let prefix: string;
const apps: LockApp[] = [];

beforeEach(async () => {
  prefix = uniquePrefix();
  direct = new Redis(redis().url);
  // Reconnecting while the server is down is part of the tests, not news.
  direct.on('error', () => undefined);
  proxy = new FaultProxy({ targetPort: redis().process.port });
  await proxy.start();
});

afterEach(async () => {
  redis().process.thaw();
  await Promise.all(apps.splice(0).map(({ module }) => module.close()));
  direct.disconnect();
  await proxy.stop();
});

async function start(lock: LockOptions = {}, url = redis().url): Promise<LockApp> {
  const app = await LockApp.start({ url }, prefix, lock);
  apps.push(app);
  expect(app.backing).toBe('redis');
  await app.locks.withLock('proves that it works', IN_THE_END, async () => {
    expect(await direct.exists(`${prefix}:lock:v1:{proves%20that%20it%20works}`)).toBe(1);
  });
  await eventually(() => app.backing === 'redis');
  return app;
}

interface Fault {
  readonly begin: () => Promise<void> | void;
  readonly end: () => Promise<void> | void;
}

const FAULTS: readonly (readonly [name: string, fault: Fault])[] = [
  ['frozen', { begin: () => redis().process.freeze(), end: () => redis().process.thaw() }],
  ['killed', { begin: () => redis().process.kill(), end: () => redis().process.restart() }],
  ['behind a black hole', { begin: () => proxy.blackHole(), end: () => proxy.heal() }],
];

describe.each(FAULTS)('with a Redis that is %s', (_name, fault) => {
  it('locks are refused within the deadline, and are back when it is', async () => {
    const app = await start({}, proxy.url);
    const held = await app.locks.acquire('held', IN_THE_END);
    await fault.begin();
    await app.goesAway();
    expect(app.backing).toBe('none');
    const tookMs = await timed(async () => {
      await expect(app.locks.tryAcquire('job', TTL)).rejects.toMatchObject(DOWN);
      const waiting = app.locks.acquire('job', { ...TTL, wait: '1h' });
      await expect(waiting).rejects.toMatchObject(DOWN);
      await expect(held.release()).rejects.toMatchObject(DOWN);
    });
    expect(tookMs).toBeLessThan(SLOWEST_MS);

    await fault.end();
    await app.comesBack();
    const job = await app.locks.acquire('job', IN_THE_END);
    expect(job.isHeld).toBe(true);
    // Its release was made up for, or the server forgot it.
    await eventually(async () => (await app.locks.tryAcquire('held', TTL)) !== undefined);
  });

  it('locks of a single process go on here, and go over to Redis when it is back', async () => {
    const app = await start(SINGLE, proxy.url);
    const held = await app.locks.acquire('held', IN_THE_END);
    await fault.begin();
    await app.goesAway();
    expect(app.backing).toBe('memory');
    expect(await app.locks.tryAcquire('held', TTL)).toBeUndefined();
    const local = await app.locks.acquire('job', TTL);
    expect(await app.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(local.isHeld).toBe(true);

    await fault.end();
    await app.comesBack();
    expect([held.isHeld, local.isHeld, app.lost]).toEqual([true, true, []]);
    for (const key of ['held', 'job']) {
      expect(await direct.pttl(`${prefix}:lock:v1:{${key}}`)).toBeGreaterThan(0);
      await eventually(async () => {
        expect(await app.locks.tryAcquire(key, TTL)).toBeUndefined();
      });
    }
    for (const lock of [local, held]) {
      expect(await eventually(() => lock.extend())).toBe('extended');
      expect(await eventually(() => lock.release())).toBe('released');
    }
  });
});

describe('several processes that each locked by themselves while Redis was killed', () => {
  it('have one holder of each key when it is back; the others are told', async () => {
    const patient = { ...SINGLE, ...PATIENT };
    const apps = [await start(patient), await start(patient), await start(patient)];
    await redis().process.kill();
    await Promise.all(apps.map((app) => app.goesAway()));
    const keys = Array.from({ length: 120 }, (_, at) => `job:${at}`);
    const holders = await Promise.all(
      apps.map(({ locks }) => Promise.all(keys.map((key) => locks.acquire(key, TTL)))),
    );
    await redis().process.restart();
    await Promise.all(apps.map((app) => app.comesBack()));
    for (const at of keys.keys()) {
      expect(holders.filter((locks) => locks[at]?.isHeld)).toHaveLength(1);
    }
    const lost = apps.flatMap((app) => app.lost.filter((key) => keys.includes(key)));
    expect(lost.toSorted()).toEqual([...keys, ...keys].toSorted());
    const held = holders.flat().filter(({ isHeld }) => isHeld);
    const released = await Promise.all(held.map((lock) => lock.release()));
    expect(new Set(released)).toEqual(new Set(['released']));
    expect(await direct.keys(`${prefix}:lock:v1:{job:*}`)).toEqual([]);
  });
});

describe('behind Sentinel, when the master is killed while locks are held', () => {
  const sentinel = useStarted(() => startSentinel());

  async function startBehind(lock: LockOptions): Promise<LockApp> {
    const { addresses, name } = sentinel();
    const app = await LockApp.start({ sentinels: addresses, name }, prefix, {
      ...PATIENT,
      ...lock,
    });
    apps.push(app);
    return app;
  }

  it('those that were replicated go on, and the others are granted again', async () => {
    const [closed, single] = [await startBehind({}), await startBehind(SINGLE)];
    const old = await sentinel().master();
    const replica = sentinel().servers.find((server) => server !== old) ?? old;
    const kept = await closed.locks.acquire('kept', TTL);
    const forgotten = await closed.locks.acquire('forgotten', TTL);
    const takenOver = await single.locks.acquire('taken over', TTL);
    const keys = ['forgotten', 'taken%20over'].map((key) => `${prefix}:lock:v1:{${key}}`);
    await queryRedis(replica.url, async (client) => {
      const known = [...keys, `${prefix}:lock:v1:{kept}`];
      await eventually(async () => (await client.exists(known)) === known.length);
      // As if their replication had been under way when the master died.
      await client.config('SET', 'replica-read-only', 'no');
      await client.del(keys);
    });
    await old.kill();
    await Promise.all([closed.goesAway(), single.goesAway()]);
    await expect(closed.locks.tryAcquire('kept', TTL)).rejects.toMatchObject(DOWN);
    expect(await single.locks.tryAcquire('taken over', TTL)).toBeUndefined();
    expect([kept.isHeld, forgotten.isHeld, takenOver.isHeld]).toEqual([true, true, true]);

    expect(await sentinel().masterOtherThan(old)).toBe(replica);
    await Promise.all([closed.comesBack(), single.comesBack()]);
    expect(await single.locks.tryAcquire('kept', TTL)).toBeUndefined();
    expect(await closed.locks.tryAcquire('taken over', TTL)).toBeUndefined();
    expect([await kept.extend(), await takenOver.extend()]).toEqual(['extended', 'extended']);
    expect(await single.locks.tryAcquire('forgotten', TTL)).toMatchObject({ isHeld: true });
    expect([await forgotten.extend(), forgotten.isHeld]).toEqual(['lost', false]);
    expect([await kept.release(), await takenOver.release()]).toEqual(['released', 'released']);
    expect([closed.lost, single.lost]).toEqual([['forgotten'], []]);
  });
});

describe('a call that timed out', () => {
  it('on a frozen server takes, extends and releases nothing when it runs after the thaw', async () => {
    const app = await start();
    const held = await app.locks.acquire('held', { ttl: '1m' });
    redis().process.freeze();
    const calls = [
      app.locks.acquire('job', TTL),
      app.locks.acquire('another job', TTL),
      held.extend('1h'),
      app.locks.forceRelease('held'),
    ];
    const outcomes = await Promise.allSettled(calls);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(held.remainingMs).toBeLessThanOrEqual(60_000);
    redis().process.thaw();
    await app.comesBack();
    expect(await direct.exists(`${prefix}:lock:v1:{job}`)).toBe(0);
    expect(await direct.pttl(`${prefix}:lock:v1:{held}`)).toBeGreaterThan(0);
    expect(await direct.pttl(`${prefix}:lock:v1:{held}`)).toBeLessThanOrEqual(60_000);
    expect(await held.release()).toBe('released');
  });

  it('and was granted, its reply lost, does not stand in the way until it expires', async () => {
    // Time enough for the request to arrive before it is late.
    const app = await start({ deadline: 500 }, proxy.url);
    await proxy.halfOpen();
    await expect(app.locks.acquire('job', TTL)).rejects.toMatchObject(DOWN);
    expect(await direct.exists(`${prefix}:lock:v1:{job}`)).toBe(1);
    await app.goesAway();
    await proxy.heal();
    await app.comesBack();
    await eventually(async () => {
      expect(await direct.exists(`${prefix}:lock:v1:{job}`)).toBe(0);
    });
    expect(await app.locks.acquire('job', IN_THE_END)).toMatchObject({ isHeld: true });
  });

  it('does not let a holder believe in a lock longer than it lasts', async () => {
    const app = await start();
    const long = await app.locks.acquire('another', TTL);
    const lock = await app.locks.acquire('job', { ttl: 400, wait: '5s' });
    redis().process.freeze();
    await app.goesAway();
    await eventually(() => !lock.isHeld);
    expect(long.isHeld).toBe(true);
    redis().process.thaw();
    await app.comesBack();
    expect(await app.locks.acquire('job', IN_THE_END)).toMatchObject({ isHeld: true });
    expect([lock.isHeld, long.isHeld]).toEqual([false, true]);
  });
});
