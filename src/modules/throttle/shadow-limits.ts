import { Logger } from '@nestjs/common';
import { runOutsideRequests } from '../../common/context/index.js';
import type { EventStream } from '../../common/events/index.js';
import { countedOf } from './counted-checks.js';
import type { CountedCheck, ThrottleCheck, ThrottleDriver } from './throttle.driver.js';
import './throttle.events.js';

/** Checks that counted a hit. */
export type Counted<T extends ThrottleCheck> = Promise<readonly (T & CountedCheck)[]>;

/**
 * Limits in shadow: they count the hits that the enforced ones let pass, and say what they would
 * have denied, to operators only. Each counter is asked by itself, as if it alone were enforced: one
 * that denies a hit does not count it, and keeps no other from counting.
 *
 * Nothing of it reaches the hit: what it does not wait for cannot slow it down, and what fails is
 * logged.
 */
export class ShadowLimits {
  readonly #log = new Logger(ShadowLimits.name);
  readonly #driver: ThrottleDriver;
  readonly #events: EventStream;

  constructor(driver: ThrottleDriver, events: EventStream) {
    this.#driver = driver;
    this.#events = events;
  }

  /**
   * Counts a hit that was let pass under those of its checks that are in shadow. Resolves to those
   * that counted it; never rejects.
   */
  async count<T extends ThrottleCheck>(checks: readonly T[]): Counted<T> {
    const counters = byCounter(checks.filter(isShadow));
    // Nobody waits for it, so it takes nothing of the time that the request has for Redis.
    const asked = runOutsideRequests(() => counters.map((each) => this.#ask(each)));
    return (await Promise.all(asked)).flat();
  }

  /** @param checks of one counter, which counts the hit once */
  async #ask<T extends ThrottleCheck>(checks: readonly T[]): Counted<T> {
    try {
      const outcome = await this.#driver.consume(checks);
      if (outcome.allowed) return countedOf(checks, outcome);
      for (const [index, { allowed, policy, retryAfterMs }] of outcome.decisions.entries()) {
        if (allowed) continue;
        const subject = checks[index]?.subject ?? '';
        this.#events.emit('throttle.shadow_blocked', { subject, policy, retryAfterMs });
      }
    } catch (error) {
      this.#log.error(error);
    }
    return [];
  }
}

/** Those that decide about the hit; the same list where none is in shadow. */
export function enforcedOf<T extends ThrottleCheck>(checks: readonly T[]): readonly T[] {
  // On the way of every request: mostly all of them do.
  return checks.some(isShadow) ? checks.filter((check) => !isShadow(check)) : checks;
}

function isShadow({ policy }: ThrottleCheck): boolean {
  return policy.shadow;
}

function byCounter<T extends ThrottleCheck>(checks: readonly T[]): readonly (readonly T[])[] {
  const counters = new Map<string, T[]>();
  for (const check of checks) {
    const { subject, policy } = check;
    const counter = JSON.stringify([policy.name, policy.strategy, subject]);
    counters.set(counter, [...(counters.get(counter) ?? []), check]);
  }
  return [...counters.values()];
}
