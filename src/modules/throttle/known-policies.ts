import type { ThrottlePolicy } from './throttle.driver.js';

/** Kept at most. A program has about as many policies as limits in its code and configuration. */
const MAX_POLICIES = 1_000;

/** The policies that requests are checked under, so that operators can name them. */
export class KnownPolicies {
  readonly #byContent = new Map<string, ThrottlePolicy>();
  readonly #names = new Set<string>();
  #isTruncated = false;

  /** More were added than are kept; the first ones stay. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  add(policy: ThrottlePolicy): void {
    const content = JSON.stringify(policy);
    if (this.#byContent.has(content)) return;
    if (this.#byContent.size >= MAX_POLICIES) {
      this.#isTruncated = true;
      return;
    }
    this.#byContent.set(content, policy);
    this.#names.add(policy.name);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  list(): readonly ThrottlePolicy[] {
    return [...this.#byContent.values()];
  }

  /** Several where limits share a name, and so a counter, and differ in something else. */
  named(name: string): readonly ThrottlePolicy[] {
    return this.list().filter((policy) => policy.name === name);
  }
}
