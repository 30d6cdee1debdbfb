import type { RedisConnection } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  CountedHit,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { THROTTLE_COUNTER } from '../throttle.keys.js';
import { checkCost } from './check-cost.js';
import { CONSUME } from './scripts/throttle-consume.lua.js';
import { PEEK } from './scripts/throttle-peek.lua.js';
import { REFUND } from './scripts/throttle-refund.lua.js';
import type { ScriptHit, ScriptOutcome } from './scripts/throttle-reply.js';

export interface RedisThrottleDriverOptions {
  /** Longest wait for one call. */
  readonly deadlineMs: number;
  /** For tests that step time; without it the server's clock decides. */
  readonly clock?: Clock;
}

/** Counters in Redis: one script call for any number of policies of a subject, server time. */
export class RedisThrottleDriver implements ThrottleDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisThrottleDriverOptions;

  constructor(connection: RedisConnection, options: RedisThrottleDriverOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  consume(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost = 1,
  ): Promise<ThrottleOutcome> {
    return this.#ask(CONSUME, { subject, policies, cost });
  }

  peek(subject: string, policies: readonly ThrottlePolicy[], cost = 1): Promise<ThrottleOutcome> {
    return this.#ask(PEEK, { subject, policies, cost });
  }

  async refund(
    subject: string,
    policies: readonly ThrottlePolicy[],
    { at, cost, backing }: CountedHit,
  ): Promise<boolean> {
    checkCost(cost, policies);
    if (backing !== 'redis') return false;
    const hit = { counters: this.#counters(subject, policies), cost };
    const call = { keys: hit, args: { ...hit, at }, ...this.#options };
    return (await this.#connection.script(REFUND, call)) > 0;
  }

  /** A reset that runs late only forgives a few hits more, so it needs no script. */
  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const keys = this.#counters(subject, policies).map(({ key }) => key);
    if (keys.length === 0) return false;
    const removed = await this.#connection.command((client) => client.unlink(keys), this.#options);
    return removed > 0;
  }

  async #ask(script: typeof CONSUME, { subject, policies, cost }: Asked): Promise<ThrottleOutcome> {
    checkCost(cost, policies);
    const hit = { counters: this.#counters(subject, policies), cost };
    const call = { keys: hit, args: hit, ...this.#options };
    return outcome(policies, await this.#connection.script(script, call));
  }

  #counters(subject: string, policies: readonly ThrottlePolicy[]): ScriptHit['counters'] {
    const { keys } = this.#connection;
    return policies.map((policy) => ({
      key: keys.key(THROTTLE_COUNTER, subject, policy.name, policy.strategy),
      policy,
    }));
  }
}

interface Asked {
  readonly subject: string;
  readonly policies: readonly ThrottlePolicy[];
  readonly cost: number;
}

function outcome(policies: readonly ThrottlePolicy[], reply: ScriptOutcome): ThrottleOutcome {
  const decisions = reply.states.map((state, index) => ({
    policy: policies[index]?.name ?? '',
    limit: policies[index]?.limit ?? 0,
    allowed: state.retryAfterMs === 0,
    ...state,
  }));
  return { allowed: reply.allowed, decisions, backing: 'redis', at: reply.at };
}
