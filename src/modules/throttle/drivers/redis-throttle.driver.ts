import type { RedisConnection, ScriptCall } from '../../../common/redis/index.js';
import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { CounterUnreadableError } from '../throttle.errors.js';
import { THROTTLE_BLOCK, THROTTLE_COUNTER } from '../throttle.keys.js';
import { checkBlockable, checkCosts, isPunishing } from './check-input.js';
import { HitBatch, type ThrottleBounds } from './hit-batch.js';
import { packChecks, type PackedChecks, type ScriptCheck } from './scripts/script-checks.js';
import type { ScriptAnswer, ScriptOutcome } from './scripts/script-outcome.js';
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
  readonly #keyers = new WeakMap<ThrottlePolicy, Keyers>();

  constructor(connection: RedisConnection, bounds: ThrottleBounds) {
    this.#connection = connection;
    this.#bounds = bounds;
    this.#hits = new HitBatch(connection, bounds);
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    checkCosts(checks);
    if (checks.length === 0) return NOTHING_ASKED;
    return outcomeOf(checks, await this.#hits.consume(checks.map(this.#keyed)));
  }

  async peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    checkCosts(checks);
    if (checks.length === 0) return NOTHING_ASKED;
    const [outcome] = await this.#connection.script(PEEK, this.#call(checks.map(this.#keyed)));
    return outcomeOf(checks, outcome);
  }

  async refund(counted: readonly CountedCheck[]): Promise<boolean> {
    checkCosts(counted);
    const ours = counted.filter(({ backing }) => backing === 'redis');
    if (ours.length === 0) return false;
    const keyed = ours.map((check) => ({ ...this.#keyed(check), at: check.at }));
    return (await this.#connection.script(REFUND, this.#call(keyed))) > 0;
  }

  async grant(checks: readonly ThrottleCheck[]): Promise<void> {
    checkCosts(checks);
    if (checks.length === 0) return;
    const unreadable = await this.#connection.script(GRANT, this.#call(checks.map(this.#keyed)));
    if (unreadable !== undefined) throw unreadableAt(checks, unreadable);
  }

  async block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    checkBlockable(counters);
    if (counters.length === 0) return;
    const { keys, args } = this.#call(
      counters.map((counter) => this.#keyed({ ...counter, cost: 1 })),
    );
    await this.#connection.script(BLOCK, { keys, args: { ...args, durationMs }, ...this.#bounds });
  }

  /** A reset that runs late only forgives a few hits more, so it needs no script. */
  async reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    // Also the block of a limit that does not look at one: another of that name does.
    const keys = counters.flatMap(({ subject, policy }) => {
      const { counter, block } = this.#keyersOf(policy);
      return [counter(subject), block(subject)];
    });
    if (keys.length === 0) return false;
    const removed = await this.#connection.command((client) => client.unlink(keys), this.#bounds);
    return removed > 0;
  }

  #call(checks: readonly ScriptCheck[]): ScriptCall<PackedChecks, PackedChecks> {
    const packed = packChecks([checks]);
    return { keys: packed, args: packed, ...this.#bounds };
  }

  readonly #keyed = ({ subject, policy, cost }: ThrottleCheck): ScriptCheck => {
    const { counter, block, isPunishing: knowsBlock } = this.#keyersOf(policy);
    const blockKey = knowsBlock ? block(subject) : undefined;
    return { key: counter(subject), blockKey, policy, cost };
  };

  #keyersOf(policy: ThrottlePolicy): Keyers {
    return this.#keyers.get(policy) ?? this.#createKeyers(policy);
  }

  #createKeyers(policy: ThrottlePolicy): Keyers {
    const { keys } = this.#connection;
    const parts = [policy.name, policy.strategy] as const;
    const keyers = {
      counter: keys.keyer(THROTTLE_COUNTER, ...parts),
      block: keys.keyer(THROTTLE_BLOCK, ...parts, 'block'),
      isPunishing: isPunishing(policy),
    };
    this.#keyers.set(policy, keyers);
    return keyers;
  }
}

/** Make the keys of a policy. */
interface Keyers {
  readonly counter: (subject: string) => string;
  readonly block: (subject: string) => string;
  readonly isPunishing: boolean;
}

const NOTHING_ASKED: ThrottleOutcome = { allowed: true, decisions: [], backing: 'redis' };

function outcomeOf(
  checks: readonly ThrottleCheck[],
  reply: ScriptAnswer | undefined,
): ThrottleOutcome {
  if (reply === undefined) throw new TypeError('a throttle script gave no answer');
  if ('unreadable' in reply) throw unreadableAt(checks, reply.unreadable);
  const { allowed, at, states } = reply;
  const decisions = checks.map(({ policy }, index) => decisionOf(policy, states[index], at));
  return { allowed, decisions, backing: 'redis' };
}

function unreadableAt(checks: readonly ThrottleCheck[], place: number): Error {
  const check = checks[place];
  return check === undefined
    ? new TypeError('a throttle script answered for a check that nobody made')
    : new CounterUnreadableError(check.policy.name, check.subject);
}

function decisionOf(
  { name, limit }: ThrottlePolicy,
  state: ScriptOutcome['states'][number] | undefined,
  at: number,
): ThrottleDecision {
  if (state === undefined) throw new TypeError('a throttle script did not answer every check');
  const { remaining, resetMs, retryAfterMs } = state;
  const allowed = retryAfterMs === 0;
  return { policy: name, limit, allowed, remaining, resetMs, retryAfterMs, at };
}
