import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisModule } from '../../src/common/redis/index.js';
import { type Backing, ServiceRegistry } from '../../src/common/status/index.js';
import { CacheModule, CacheService } from '../../src/modules/cache/index.js';
import { LockModule } from '../../src/modules/lock/index.js';
import { obey, openApplication } from './worker.js';

/** What a worker process is started with. */
export interface CacheWorkerOptions {
  /** Where the cache is. */
  readonly url: string;
  readonly prefix: string;
  /** Another server: the source of the values, and what was acknowledged. */
  readonly sourceUrl: string;
  readonly localCopies: boolean;
}

/** How a key is invalidated. */
export type Invalidation = 'delete' | 'tag' | 'pattern' | 'clear';

/** What a worker process can be told to do. */
export interface CacheWorkerCalls {
  /** So many callers at once want the key; resolves to what they got, each value once. */
  load(of: { readonly key: string; readonly callers: number }): Promise<readonly string[]>;
  /** Reads the key until `changes` of it were acknowledged. */
  watch(of: { readonly key: string; readonly changes: number }): Promise<Watched>;
  /** Changes the source, and invalidates the key, so many times. */
  change(of: { readonly key: string; readonly changes: number }): Promise<number>;
  /** One look. */
  read(of: { readonly key: string }): Promise<number>;
}

export interface Watched {
  readonly reads: number;
  /** Values older than what was acknowledged before they were asked for. */
  readonly outdated: readonly string[];
}

/** How long the source takes. */
const SOURCE_MS = 300;
const NAP_MS = 2;
/** Between two changes, so that others look meanwhile. */
const PAUSE_MS = 20;
const INVALIDATIONS: readonly Invalidation[] = ['delete', 'tag', 'pattern', 'clear'];

function callsOf(cache: CacheService, source: Redis, backing: () => Backing): CacheWorkerCalls {
  const read = ({ key }: { readonly key: string }): Promise<number> =>
    cache.getOrSet(key, async () => Number(await source.get(`${key}:source`)), {
      tags: [`tag of ${key}`],
    });
  const acknowledged = async (key: string): Promise<number> =>
    Number(await source.get(`${key}:acknowledged`));

  return {
    async load({ key, callers }) {
      const load = async (): Promise<string> => {
        const run = await source.incr(`${key}:runs`);
        await delay(SOURCE_MS);
        return `run ${run} of ${process.pid}`;
      };
      const all = Array.from({ length: callers }, () => cache.getOrSet(key, load));
      return [...new Set(await Promise.all(all))];
    },
    async watch({ key, changes }) {
      const outdated: string[] = [];
      let reads = 0;
      for (let least = 0; least < changes; reads += 1) {
        least = await acknowledged(key);
        // What was kept while Redis was away is known to be older; so nothing is said of that.
        const isShared = backing() === 'redis';
        const found = await read({ key });
        if (isShared && backing() === 'redis' && found < least) {
          outdated.push(`${found} after ${least}`);
        }
      }
      return { reads, outdated };
    },
    async change({ key, changes }) {
      for (let change = 1; change <= changes; change += 1) {
        const version = await source.incr(`${key}:source`);
        await invalidate(cache, key, INVALIDATIONS[change % INVALIDATIONS.length] ?? 'delete');
        // Left unanswered, it is made up for; until then nobody may count on it.
        while (backing() !== 'redis') await delay(NAP_MS);
        await source.set(`${key}:acknowledged`, version);
        await delay(PAUSE_MS);
      }
      return changes;
    },
    read,
  };
}

async function invalidate(cache: CacheService, key: string, how: Invalidation): Promise<unknown> {
  switch (how) {
    case 'delete':
      return cache.delete(key);
    case 'tag':
      return cache.invalidateTags([`tag of ${key}`]);
    case 'pattern':
      return cache.deleteMatching(`${key}*`);
    case 'clear':
      return cache.clear();
    default:
      return how satisfies never;
  }
}

async function serve(options: CacheWorkerOptions): Promise<void> {
  const { url, prefix, sourceUrl, localCopies } = options;
  const app = await openApplication([
    RedisModule.forRoot({ connections: { default: { url } }, prefix, bootTimeout: '20s' }),
    LockModule.forRoot({ deadline: '2s' }),
    CacheModule.forRoot({ deadline: '2s', localCopies }),
  ]);
  const services = app.get(ServiceRegistry);
  const backing = (): Backing =>
    services
      .list()
      .find(({ service }) => service === 'cache')
      ?.backing() ?? 'none';
  await obey(callsOf(app.get(CacheService), new Redis(sourceUrl), backing));
}

await serve(JSON.parse(process.argv[2] ?? '{}') as CacheWorkerOptions);
