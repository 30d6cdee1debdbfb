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
import { CacheService } from '../../../src/modules/cache/cache.service.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';

const CACHE_EVENTS = [
  'cache.hit',
  'cache.miss',
  'cache.stored',
  'cache.rejected',
  'cache.invalidated',
] as const satisfies readonly EventName[];

/** A service on the memory driver, with what it reported and a clock that stands still. */
export interface CacheHarness {
  readonly cache: CacheService;
  readonly driver: CacheDriver;
  readonly clock: FakeClock;
  readonly events: readonly (readonly [EventName, BackplaneEvents[EventName]])[];
}

export function cacheHarness(options: CacheOptions = {}): CacheHarness {
  const clock = new FakeClock();
  const resolved = resolveCacheOptions(options);
  const driver = new MemoryCacheDriver({ clock, ...resolved });
  const stream = new EventStream();
  const events: [EventName, BackplaneEvents[EventName]][] = [];
  for (const name of CACHE_EVENTS) stream.on(name, (payload) => events.push([name, payload]));
  return { cache: new CacheService(driver, resolved, stream), driver, clock, events };
}
