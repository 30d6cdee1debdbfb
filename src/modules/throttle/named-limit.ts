import type { HttpRequest } from '../../common/http/index.js';
import type { KnownPolicies } from './known-policies.js';
import type { CountedAnswers, LimitSubject, UnnamedLimit } from './request-limit.options.js';
import type { SharedLimit } from './shared-counters.js';
import type { ThrottleFailurePolicy, ThrottlePolicy } from './throttle.driver.js';

/** Policies remembered for a limit that depends on the request: one for each plan. */
const MAX_POLICIES = 100;

interface Naming {
  readonly name: string;
  /** Of limits that do not say otherwise. */
  readonly onRedisDown: ThrottleFailurePolicy;
  /** Where operators look policies up. */
  readonly known: KnownPolicies;
}

/** A limit of requests with the name of its counter. */
export class NamedLimit implements SharedLimit {
  readonly name: string;
  /** What it is for every request, unless it depends on it. */
  readonly fixedPolicy: ThrottlePolicy | undefined;
  readonly #limit: UnnamedLimit;
  readonly #naming: Naming;
  readonly #policies = new Map<number, ThrottlePolicy>();

  constructor(limit: UnnamedLimit, naming: Naming) {
    this.name = naming.name;
    this.#limit = limit;
    this.#naming = naming;
    this.fixedPolicy = typeof limit.limit === 'number' ? this.#policyOf(limit.limit) : undefined;
  }

  /** `undefined`: it depends on the request. */
  get fixedCost(): number | undefined {
    const { cost } = this.#limit;
    return typeof cost === 'number' ? cost : undefined;
  }

  get strategy() {
    return this.#limit.strategy;
  }

  get windowMs(): number {
    return this.#limit.windowMs;
  }

  get limit(): UnnamedLimit['limit'] {
    return this.#limit.limit;
  }

  get burst(): number | undefined {
    return this.#limit.burst;
  }

  get by(): LimitSubject {
    return this.#limit.by;
  }

  get count(): CountedAnswers {
    return this.#limit.count;
  }

  /**
   * `undefined`: the request is not limited.
   *
   * @throws InvalidOptionError where the application gives a limit that cannot be one
   */
  async policyFor(request: HttpRequest): Promise<ThrottlePolicy | undefined> {
    const { limit } = this.#limit;
    const value = typeof limit === 'number' ? limit : await limit(request);
    return value === undefined ? undefined : this.#policyOf(value);
  }

  async costFor(request: HttpRequest): Promise<number> {
    const { cost } = this.#limit;
    return typeof cost === 'number' ? cost : cost(request);
  }

  #policyOf(limit: number): ThrottlePolicy {
    const existing = this.#policies.get(limit);
    if (existing !== undefined) return existing;
    const { onRedisDown, known } = this.#naming;
    const unnamed = this.#limit.policy(limit);
    const named = { ...unnamed, name: this.name };
    const policy = { ...named, onRedisDown: unnamed.onRedisDown ?? onRedisDown };
    if (this.#policies.size < MAX_POLICIES) this.#policies.set(limit, policy);
    known.add(policy);
    return policy;
  }
}
