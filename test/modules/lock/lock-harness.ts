import {
  type BackplaneEvents,
  type EventName,
  EventStream,
} from '../../../src/common/events/index.js';
import type { Clock } from '../../../src/common/time/index.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import type { LockDriver } from '../../../src/modules/lock/lock.driver.js';
import { resolveLockOptions } from '../../../src/modules/lock/lock.options.js';
import { LockService } from '../../../src/modules/lock/lock.service.js';
import { FakeClock } from '../../../src/testing/index.js';

const LOCK_EVENTS = [
  'lock.acquired',
  'lock.released',
  'lock.lost',
  'lock.waited',
  'lock.force-released',
] as const satisfies readonly EventName[];

/** A service with what it reported. */
export interface LockHarness<C extends Clock = FakeClock> {
  readonly locks: LockService;
  readonly driver: LockDriver;
  readonly clock: C;
  readonly events: readonly (readonly [EventName, BackplaneEvents[EventName]])[];
  /** The names alone, in order. */
  names(): readonly EventName[];
}

/** On the memory driver, with a clock that stands still. */
export function lockHarness(): LockHarness {
  const clock = new FakeClock();
  return harnessOn(new MemoryLockDriver(clock), clock);
}

export function harnessOn<C extends Clock>(driver: LockDriver, clock: C): LockHarness<C> {
  const stream = new EventStream();
  const events: [EventName, BackplaneEvents[EventName]][] = [];
  for (const name of LOCK_EVENTS) stream.on(name, (payload) => events.push([name, payload]));
  const locks = new LockService(driver, resolveLockOptions({ owner: 'me' }), stream, clock);
  return { locks, driver, clock, events, names: () => events.map(([name]) => name) };
}

/** A driver whose answers a test replaces, one call at a time. */
export function interceptedDriver(
  driver: LockDriver,
  replacements: Partial<LockDriver>,
): LockDriver {
  return {
    acquire: (claim, wait) => driver.acquire(claim, wait),
    acquireAll: (claims) => driver.acquireAll(claims),
    extend: (ref, ttlMs) => driver.extend(ref, ttlMs),
    release: (ref) => driver.release(ref),
    forceRelease: (key, which) => driver.forceRelease(key, which),
    list: (limit) => driver.list(limit),
    ...replacements,
  };
}
