import type { RedisConnection } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { ThrottleDriver, ThrottleOutcome, ThrottlePolicy } from '../throttle.driver.js';
import { THROTTLE_COUNTER } from '../throttle.keys.js';
import { CONSUME } from './scripts/throttle-consume.lua.js';
import { PEEK } from './scripts/throttle-peek.lua.js';
import type { PolicyKeys, ScriptOutcome } from './scripts/throttle-reply.js';

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

  async consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    const keys = this.#keys(subject, policies);
    const call = { keys, args: keys, ...this.#options };
    return outcome(policies, await this.#connection.script(CONSUME, call));
  }

  async peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    const keys = this.#keys(subject, policies);
    const call = { keys, args: keys, ...this.#options };
    return outcome(policies, await this.#connection.script(PEEK, call));
  }

  /** A reset that runs late only forgives a few hits more, so it needs no script. */
  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const keys = this.#keys(subject, policies).map(({ key }) => key);
    if (keys.length === 0) return false;
    const removed = await this.#connection.command((client) => client.unlink(keys), this.#options);
    return removed > 0;
  }

  #keys(subject: string, policies: readonly ThrottlePolicy[]): PolicyKeys {
    return policies.map((policy) => ({
      key: this.#connection.keys.key(THROTTLE_COUNTER, subject, policy.name, policy.strategy),
      policy,
    }));
  }
}

function outcome(policies: readonly ThrottlePolicy[], reply: ScriptOutcome): ThrottleOutcome {
  const decisions = reply.windows.map((window, index) => ({
    policy: policies[index]?.name ?? '',
    limit: policies[index]?.limit ?? 0,
    allowed: window.retryAfterMs === 0,
    ...window,
  }));
  return { allowed: reply.allowed, decisions, backing: 'redis' };
}
