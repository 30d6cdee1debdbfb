import { FailoverDriver, type FailoverGate } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { LockDriver } from '../lock.driver.js';
import type { ResolvedLockOptions } from '../lock.options.js';
import { ClosedLockDriver } from './closed-lock.driver.js';
import { LocalLockDriver } from './local-lock.driver.js';
import { LockHandover } from './lock-handover.js';
import { MemoryLockDriver } from './memory-lock.driver.js';
import { PendingReleases } from './pending-releases.js';
import { TrackingLockDriver } from './tracking-lock.driver.js';

/** What the failure policy of locks goes by. */
export interface LockFailoverContext {
  /** Is closed while Redis is asked. */
  readonly gate: FailoverGate;
  readonly onRedisDown: ResolvedLockOptions['onRedisDown'];
  readonly clock: Clock;
}

/** Puts the failure policy of locks behind a driver that works on Redis. */
export function lockFailover(
  redis: LockDriver,
  context: LockFailoverContext,
): FailoverDriver<LockDriver> {
  return context.onRedisDown === 'memory'
    ? memoryFailover(redis, context)
    : closedFailover(redis, context);
}

function closedFailover(redis: LockDriver, { gate }: LockFailoverContext) {
  const pending = new PendingReleases({
    release: (ref) => redis.release(ref),
    mayTry: () => gate.isClosed,
  });
  gate.onRecovered(() => void pending.flush());
  return new FailoverDriver<LockDriver>({
    primary: new TrackingLockDriver({ redis, pending }),
    fallback: new ClosedLockDriver({ pending, isAway: () => !gate.isClosed }),
    gate,
  });
}

function memoryFailover(redis: LockDriver, { gate, clock }: LockFailoverContext) {
  const memory = new MemoryLockDriver(clock);
  const pending = new PendingReleases({
    // A grant whose answer was lost as Redis went away goes on here: it is wanted after all.
    release: async (ref) => {
      if (memory.find(ref.key)?.token !== ref.token) await redis.release(ref);
    },
    mayTry: () => gate.isClosed,
  });
  const journal = new LockHandover({ redis, memory, pending });
  // Before the failover is told: no call may slip through to a Redis that does not know of a hold.
  gate.onRecovered(() => {
    journal.begin();
    void pending.flush();
  });
  const mayAnswer = (key?: string): boolean =>
    !gate.isClosed || (key !== undefined && journal.keeps(key));
  return new FailoverDriver<LockDriver>({
    primary: new TrackingLockDriver({ redis, pending, memory }),
    fallback: new LocalLockDriver({ memory, pending, mayAnswer }),
    gate,
    journal,
  });
}
