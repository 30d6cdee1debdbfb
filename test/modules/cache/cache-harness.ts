import {
  type BackplaneEvents,
  type EventName,
  EventStream,
} from '../../../src/common/events/index.js';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import {
  type CacheOptions,
  resolveCacheOptions,
} from '../../../src/modules/cache/cache.options.js';
import { CacheCounters } from '../../../src/modules/cache/cache-counters.js';
import { CacheEngine } from '../../../src/modules/cache/cache-engine.js';
import { CacheService } from '../../../src/modules/cache/cache.service.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import type { LoadClaims } from '../../../src/modules/cache/engine/load-runner.js';
import { CacheWriter } from '../../../src/modules/cache/write/cache-writer.js';
import { FakeClock } from '../../../src/testing/index.js';

const CACHE_EVENTS = [
  'cache.hit',
  'cache.miss',
  'cache.stale',
  'cache.joined',
  'cache.stored',
  'cache.load-failed',
  'cache.rejected',
  'cache.evicted',
  'cache.invalidated',
  'cache.purged',
  'cache.write-unseen',
  'cache.write-retried',
  'cache.write-dead',
  'cache.write-forgotten',
] as const satisfies readonly EventName[];

/** A service on a driver, with what it reported and a clock that stands still. */
export interface CacheHarness {
  readonly cache: CacheService;
  readonly engine: CacheEngine;
  readonly writer: CacheWriter;
  readonly driver: CacheDriver;
  readonly clock: FakeClock;
  readonly events: readonly (readonly [EventName, BackplaneEvents[EventName]])[];
  /** The payloads of one kind of event, in their order. */
  of<K extends EventName>(name: K): BackplaneEvents[K][];
}

/** What a test brings of its own. */
export interface HarnessParts {
  /** @default one in memory */
  readonly driver?: (clock: FakeClock) => CacheDriver;
  readonly claims?: LoadClaims;
  /** @default one that stands still */
  readonly clock?: FakeClock;
}

export function cacheHarness(options: CacheOptions = {}, parts: HarnessParts = {}): CacheHarness {
  const { clock = new FakeClock() } = parts;
  const resolved = resolveCacheOptions(options);
  const driver = parts.driver?.(clock) ?? new MemoryCacheDriver({ clock, ...resolved });
  const stream = new EventStream();
  const events: [EventName, BackplaneEvents[EventName]][] = [];
  for (const name of CACHE_EVENTS) stream.on(name, (payload) => events.push([name, payload]));
  const engine = new CacheEngine({
    ...resolved,
    driver,
    clock,
    events: stream,
    claims: parts.claims,
  });
  const of = <K extends EventName>(name: K): BackplaneEvents[K][] =>
    events.filter((event) => event[0] === name).map(([, payload]) => payload as BackplaneEvents[K]);
  const writer = new CacheWriter(engine, resolved, stream);
  const cache = new CacheService(engine, resolved, new CacheCounters(stream), writer);
  return { cache, engine, writer, driver, clock, events, of };
}
