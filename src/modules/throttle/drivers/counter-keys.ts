import { checkKeyText } from '../../../common/redis/index.js';
import type { ThrottleCounter, ThrottlePolicy } from '../throttle.driver.js';

/** Names counters in this process. No two have the same key. */
export class CounterKeys {
  /** What the keys of a policy end in. */
  readonly #suffixes = new WeakMap<ThrottlePolicy, string>();

  /** @throws InvalidOptionError for a subject or name that is empty or longer than 1 kB */
  of({ subject, policy }: ThrottleCounter): string {
    checkKeyText(subject, 'key');
    const suffix = this.#suffixes.get(policy) ?? this.#createSuffix(policy);
    // After the length, the subject may hold any character.
    return `${subject.length}:${subject}${suffix}`;
  }

  #createSuffix(policy: ThrottlePolicy): string {
    const suffix = `:${policy.strategy}:${checkKeyText(policy.name, 'key')}`;
    this.#suffixes.set(policy, suffix);
    return suffix;
  }
}
