import { Inject, Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { toSeconds } from '../../../common/time/index.js';
import { ThrottleDriver, type ThrottleFailurePolicy } from '../throttle.driver.js';
import { THROTTLE_OPTIONS } from '../throttle.module-definition.js';
import {
  isShut,
  type ThrottlerNumbers,
  throttlerPolicy,
  throttlerSubject,
} from './throttler-policy.js';

/** `ThrottlerStorageRecord`, which the package does not export; times in seconds. */
type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Storage for the `ThrottlerGuard` of `@nestjs/throttler`: its counters in our driver, with the
 * decisions of its own in-memory storage. While Redis is away the `onRedisDown` of `ThrottleModule`
 * holds.
 *
 * @example
 * ThrottlerModule.forRootAsync({
 *   inject: [BackplaneThrottlerStorage],
 *   useFactory: (storage: BackplaneThrottlerStorage) => ({
 *     throttlers: [{ ttl: seconds(60), limit: 100 }],
 *     storage,
 *   }),
 * })
 */
@Injectable()
export class BackplaneThrottlerStorage implements ThrottlerStorage {
  readonly #onRedisDown: ThrottleFailurePolicy;

  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(THROTTLE_OPTIONS) options: { readonly onRedisDown: ThrottleFailurePolicy },
  ) {
    this.#onRedisDown = options.onRedisDown;
  }

  /**
   * Counts a hit of `key` under the throttler of that name; those of other names have counters of
   * their own. Arguments in milliseconds, returned times in whole seconds, never too few. A lost
   * reply: counted or not, never twice.
   *
   * @throws ThrottleBackendDownError while Redis is away and limits are `closed` then
   */
  async increment(
    ...[key, ttl, limit, blockDuration, name]: Parameters<ThrottlerStorage['increment']>
  ): Promise<ThrottlerRecord> {
    const numbers = { limit, ttl, blockDuration };
    if (isShut(numbers)) return refusal(numbers);
    const policy = throttlerPolicy([name], numbers, this.#onRedisDown);
    const check = { subject: throttlerSubject(key), policy, cost: 1 };
    const { decisions } = await this.driver.consume([check]);
    const [decision] = decisions;
    if (decision === undefined) throw new TypeError('the driver decided about nothing');
    const { allowed, remaining, resetMs, retryAfterMs } = decision;
    return {
      // By the limit that was asked for: while Redis is away an instance has a share of it only.
      totalHits: allowed ? policy.limit - remaining : policy.limit + 1,
      timeToExpire: toSeconds(resetMs),
      isBlocked: !allowed,
      timeToBlockExpire: toSeconds(retryAfterMs),
    };
  }
}

function refusal({ ttl, blockDuration }: ThrottlerNumbers): ThrottlerRecord {
  const timeToExpire = toSeconds(ttl);
  const timeToBlockExpire = toSeconds(blockDuration > 0 ? blockDuration : ttl);
  return { totalHits: 1, timeToExpire, isBlocked: true, timeToBlockExpire };
}
