import type { RedisConnection } from '../../../common/redis/index.js';
import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDriver,
  ThrottleOutcome,
} from '../throttle.driver.js';
import { THROTTLE_BLOCK, THROTTLE_COUNTER } from '../throttle.keys.js';
import { checkBlockable, checkCosts, isPunishing } from './check-input.js';
import { HitBatch, type ThrottleBounds } from './hit-batch.js';
import type { ScriptCheck } from './scripts/script-checks.js';
import type { ScriptOutcome } from './scripts/script-outcome.js';
import { BLOCK } from './scripts/throttle-block.lua.js';
import { GRANT } from './scripts/throttle-grant.lua.js';
import { PEEK } from './scripts/throttle-peek.lua.js';
import { REFUND } from './scripts/throttle-refund.lua.js';

/**
 * Counters in Redis, by the server's time: one script call for any number of checks. In a Cluster
 * the checks of one call must be of one subject.
 */
export class RedisThrottleDriver implements ThrottleDriver {
  readonly #connection: RedisConnection;
  readonly #bounds: ThrottleBounds;
  readonly #hits: HitBatch;

  constructor(connection: RedisConnection, bounds: ThrottleBounds) {
    this.#connection = connection;
    this.#bounds = bounds;
    this.#hits = new HitBatch(connection, bounds);
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    checkCosts(checks);
    if (checks.length === 0) return NOTHING_ASKED;
    return outcomeOf(checks, await this.#hits.consume(this.#keyed(checks)));
  }

  async peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    checkCosts(checks);
    if (checks.length === 0) return NOTHING_ASKED;
    const keyed = this.#keyed(checks);
    const [outcome] = await this.#connection.script(PEEK, this.#call(keyed));
    return outcomeOf(checks, outcome);
  }

  async refund(counted: readonly CountedCheck[]): Promise<boolean> {
    checkCosts(counted);
    const ours = counted.filter(({ backing }) => backing === 'redis');
    if (ours.length === 0) return false;
    const keyed = ours.map((check) => ({ ...check, ...this.#keysOf(check) }));
    return (await this.#connection.script(REFUND, this.#call(keyed))) > 0;
  }

  async grant(checks: readonly ThrottleCheck[]): Promise<void> {
    checkCosts(checks);
    if (checks.length === 0) return;
    await this.#connection.script(GRANT, this.#call(this.#keyed(checks)));
  }

  async block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    checkBlockable(counters);
    if (counters.length === 0) return;
    const checks = this.#keyed(counters.map((counter) => ({ ...counter, cost: 1 })));
    const call = { keys: checks, args: { checks, durationMs }, ...this.#bounds };
    await this.#connection.script(BLOCK, call);
  }

  /** A reset that runs late only forgives a few hits more, so it needs no script. */
  async reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    const keys = counters.flatMap((counter) => {
      const { key, blockKey } = this.#keysOf(counter);
      return blockKey === undefined ? [key] : [key, blockKey];
    });
    if (keys.length === 0) return false;
    const removed = await this.#connection.command((client) => client.unlink(keys), this.#bounds);
    return removed > 0;
  }

  #call<T>(checks: T): { readonly keys: T; readonly args: T } & ThrottleBounds {
    return { keys: checks, args: checks, ...this.#bounds };
  }

  #keyed(checks: readonly ThrottleCheck[]): readonly ScriptCheck[] {
    return checks.map((check) => ({ ...check, ...this.#keysOf(check) }));
  }

  #keysOf(counter: ThrottleCounter): Pick<ScriptCheck, 'key' | 'blockKey'> {
    const { keys } = this.#connection;
    const { subject, policy } = counter;
    const parts = [policy.name, policy.strategy] as const;
    const blockKey = isPunishing(counter)
      ? keys.key(THROTTLE_BLOCK, subject, ...parts, 'block')
      : undefined;
    return { key: keys.key(THROTTLE_COUNTER, subject, ...parts), blockKey };
  }
}

const NOTHING_ASKED: ThrottleOutcome = { allowed: true, decisions: [], backing: 'redis' };

function outcomeOf(
  checks: readonly ThrottleCheck[],
  reply: ScriptOutcome | undefined,
): ThrottleOutcome {
  if (reply === undefined) throw new TypeError('a throttle script gave no answer');
  const { allowed, at, states } = reply;
  const decisions = states.map((state, index) => ({
    policy: checks[index]?.policy.name ?? '',
    limit: checks[index]?.policy.limit ?? 0,
    allowed: state.retryAfterMs === 0,
    ...state,
    at,
  }));
  return { allowed, decisions, backing: 'redis' };
}
