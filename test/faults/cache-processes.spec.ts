import { Redis } from 'ioredis';
import { type CompiledSources, compileSources } from '../support/compiled-sources.js';
import { eventually } from '../support/eventually.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { PATIENCE_MS, sampling } from '../support/sampling.js';
import type { CacheWorkerCalls, CacheWorkerOptions } from './cache-worker.js';
import { WorkerProcess } from './worker-process.js';

const WORKER = 'test/faults/cache-worker.ts';
/** Of the source, each invalidated in one of four ways. */
const CHANGES = Math.min(2_000, sampling(0.12).numRuns);

class CacheProcess extends WorkerProcess<CacheWorkerCalls> {
  static async start(sources: CompiledSources, options: CacheWorkerOptions): Promise<CacheProcess> {
    return new CacheProcess(await WorkerProcess.fork(sources, WORKER, options));
  }
}

let direct: Redis;
let source: Redis;
let key: string;
/** Those of two processes keep copies, those of the others do not. */
let copying: readonly CacheProcess[] = [];
let asking: readonly CacheProcess[] = [];

afterAll(async () => {
  await Promise.all([...copying, ...asking].map((one) => one.kill()));
  direct.disconnect();
  source.disconnect();
});

const redis = useStarted(() => startStandalone());
const sourceServer = useStarted(() => startStandalone());
const sources = useStarted(() =>
  compileSources([
    'src/common',
    'src/modules/lock',
    'src/modules/cache',
    'test/faults/worker.ts',
    WORKER,
  ]),
);

beforeAll(async () => {
  direct = new Redis(redis().url);
  source = new Redis(sourceServer().url);
  const prefix = uniquePrefix();
  const start = (localCopies: boolean): Promise<CacheProcess> =>
    CacheProcess.start(sources(), {
      url: redis().url,
      sourceUrl: sourceServer().url,
      prefix,
      localCopies,
    });
  const all = await Promise.all([true, true, false, false].map(start));
  copying = all.slice(0, 2);
  asking = all.slice(2);
}, 60_000);

beforeEach(() => {
  key = `${uniquePrefix()}:value`;
});

it(
  '1000 callers in 4 processes who miss at once make one loader run',
  async () => {
    const all = [...copying, ...asking];
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(4);
    const answers = await Promise.all(all.map((one) => one.call('load', { key, callers: 250 })));
    expect(await source.get(`${key}:runs`)).toBe('1');
    const values = new Set(answers.flat());
    expect(values.size).toBe(1);
    expect(all.map(({ pid }) => `run 1 of ${pid}`)).toContain([...values][0]);
  },
  PATIENCE_MS,
);

describe('what was loaded before an acknowledged invalidation', () => {
  it(
    'is never served after it, by any process, while connections are lost and processes stop',
    async () => {
      const watching = asking.map((one) => one.call('watch', { key, changes: CHANGES }));
      const faults = harass(asking);
      await copying[0]?.call('change', { key, changes: CHANGES });
      faults.stop();
      const watched = await Promise.all(watching);
      expect(watched.flatMap(({ outdated }) => outdated)).toEqual([]);
      for (const { reads } of watched) expect(reads).toBeGreaterThan(10);
      expect(faults.count).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it(
    'leaves the copies of all processes, also of those that were not told',
    async () => {
      const everybodyReads = async (value: number): Promise<boolean> => {
        const found = await Promise.all(copying.map((one) => one.call('read', { key })));
        return found.every((one) => one === value);
      };
      for (let change = 1; change <= 6; change += 1) {
        // Whoever is told over these connections finds out that something may be missing.
        if (change % 2 === 0) await direct.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
        await asking[0]?.call('change', { key, changes: 1 });
        await eventually(() => everybodyReads(change));
      }
    },
    PATIENCE_MS,
  );
});

/** Ends connections, and stops processes for a moment, again and again. */
function harass(victims: readonly CacheProcess[]) {
  const state = { count: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    state.count += 1;
    const victim = victims[state.count % victims.length];
    if (state.count % 2 === 0) void direct.call('CLIENT', 'KILL', 'TYPE', 'NORMAL');
    else {
      victim?.freeze();
      setTimeout(() => victim?.thaw(), 100);
    }
  }, 250);
  return state;
}
