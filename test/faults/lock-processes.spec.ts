import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { PATIENCE_MS, sampling } from '../support/sampling.js';
import { compileLockWorker, LockProcess } from './lock-process.js';

const PROCESSES = 8;
/** Critical sections of each process: 10,000 in all with TEST_RUNS=8400 or more. */
const OPERATIONS = Math.min(1_250, sampling(0.15).numRuns);
/** Short for a test that waits for it, and long for a machine that is busy. */
const TTL_MS = 500;

let direct: Redis;
let written: Redis;
let prefix: string;
let key: string;
let processes: LockProcess[] = [];

// Hooks run in this order: nobody is left to miss the servers when they stop.
afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  direct.disconnect();
  written.disconnect();
});

const redis = useStarted(() => startStandalone());
const store = useStarted(() => startStandalone());
const sources = useStarted(compileLockWorker);

beforeAll(async () => {
  prefix = uniquePrefix();
  const options = { url: redis().url, storeUrl: store().url, prefix };
  const start = () => LockProcess.start(sources(), options);
  processes = await Promise.all(Array.from({ length: PROCESSES }, start));
  direct = new Redis(redis().url);
  written = new Redis(store().url);
}, 60_000);

beforeEach(() => {
  key = uniquePrefix();
});

describe(`${PROCESSES} processes`, () => {
  it(
    'are never in a critical section together, and each has a greater fence than the one before',
    async () => {
      const keys = ['a', 'b', 'c'].map((name) => `${key}:${name}`);
      const work = processes.map((one) => one.call('sections', { keys, operations: OPERATIONS }));
      await Promise.all(work);
      const histories = await Promise.all(
        keys.map((one) => written.lrange(`${one}:history`, 0, -1)),
      );
      for (const history of histories) expectOneAtATime(history);
      expect(histories.flat()).toHaveLength(2 * PROCESSES * OPERATIONS);
    },
    PATIENCE_MS,
  );

  it(
    'never take more permits than there are, each with a fence of its own',
    async () => {
      const of = 3;
      const work = processes.map((one) => one.call('permits', { key, of, operations: OPERATIONS }));
      await Promise.all(work);
      const history = await written.lrange(`${key}:history`, 0, -1);
      expect(history).toHaveLength(2 * PROCESSES * OPERATIONS);
      let inUse = 0;
      for (const entry of history) {
        const [word, take] = entry.split(' ');
        inUse += word === 'enter' ? Number(take) : -Number(take);
        expect(inUse).toBeLessThanOrEqual(of);
      }
      const fences = history.filter((entry) => entry.startsWith('enter'));
      expect(new Set(fences.map((entry) => entry.split(' ')[2])).size).toBe(fences.length);
    },
    PATIENCE_MS,
  );
});

describe('a holder that is stopped for longer than its hold', () => {
  it('finds that it has lost the lock when it runs again, and its store refuses it', async () => {
    const [sleeper, other] = some(2);
    const held = { key, ttlMs: TTL_MS };
    const isHolding = sleeper.holding();
    const slept = sleeper.call('sleepThrough', held);
    await isHolding;
    sleeper.freeze();
    expect(await other.call('write', held)).toBe('written');
    await ttlIsOver();
    sleeper.thaw();
    const { fence, ...found } = await slept;
    expect(found).toEqual({ isHeld: false, aborted: true });
    expect(await sleeper.call('register', { key, fence })).toBe('stale');
  });
});

describe('a process that is killed', () => {
  it('while it holds the lock loses it to the others', async () => {
    const [victim, other] = some(2);
    const isHolding = victim.holding();
    void victim.call('keep', { key, ttlMs: TTL_MS });
    await isHolding;
    const waited = other.call('write', { key, ttlMs: TTL_MS });
    // It is extended by itself as long as the process lives.
    await ttlIsOver();
    expect(await written.exists(`${key}:register`)).toBe(0);
    await victim.kill();
    expect(await waited).toBe('written');
  });

  it('while it waits for the lock is left out', async () => {
    const [holder, victim, other] = some(3);
    const isHolding = holder.holding();
    void holder.call('keep', { key, ttlMs: TTL_MS });
    await isHolding;
    void victim.call('write', { key, ttlMs: TTL_MS });
    await waiters(1);
    const waited = other.call('write', { key, ttlMs: TTL_MS });
    await waiters(2);
    await Promise.all([victim.kill(), holder.kill()]);
    expect(await waited).toBe('written');
    expect(await written.llen(`${key}:register`)).toBe(1);
  });

  function waiters(many: number): Promise<unknown> {
    const queue = `${prefix}:lock:v1:{${key}}:queue`;
    return eventually(async () => (await direct.zcard(queue)) === many);
  }
});

describe('while processes are stopped and killed, and connections are lost', () => {
  it('a register never accepts an older fence, and everybody who lives gets on', async () => {
    const [victim, ...living] = processes.filter(({ isRunning }) => isRunning);
    const held = { key, ttlMs: TTL_MS };
    const writing = Promise.all([victim, ...living].map((one) => one?.call('writeOn', held)));
    writing.catch(() => undefined);
    for (const one of living.slice(0, 3)) {
      one.freeze();
      await ttlIsOver();
      await direct.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      one.thaw();
      await direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    await victim?.kill();
    const gettingOn = living.map((one) =>
      eventually(async () => (await one.call('write', held)) === 'written'),
    );
    await Promise.race([writing, Promise.all(gettingOn)]);
    const accepted = (await written.lrange(`${key}:register`, 0, -1)).map(Number);
    expect(accepted.length).toBeGreaterThan(living.length);
    expect(accepted).toEqual(accepted.toSorted((a, b) => a - b));
  });
});

/** So many that live. */
function some(many: 2): [LockProcess, LockProcess];
function some(many: 3): [LockProcess, LockProcess, LockProcess];
function some(many: number): LockProcess[] {
  return processes.filter(({ isRunning }) => isRunning).slice(0, many);
}

async function ttlIsOver(): Promise<void> {
  const until = performance.now() + 1.5 * TTL_MS;
  await eventually(() => performance.now() > until);
}

/** `enter` and `leave` by turns, of the same fence, and of a greater one each time. */
function expectOneAtATime(history: readonly string[]): void {
  let latest = 0;
  for (let at = 0; at < history.length; at += 2) {
    const fence = Number(history[at]?.split(' ')[1]);
    expect(history.slice(at, at + 2)).toEqual([`enter ${fence}`, `leave ${fence}`]);
    expect(fence).toBeGreaterThan(latest);
    latest = fence;
  }
}
