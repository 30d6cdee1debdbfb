import { HttpException } from '@nestjs/common';
import { BackplaneError, InvalidOptionError } from '../../common/errors/index.js';
import type { HttpRequest } from '../../common/http/index.js';
import type { KnownPolicies } from './known-policies.js';
import { failurePolicyOf } from './rate-limit.options.js';
import type {
  CountedAnswers,
  LimitSubject,
  OfRequest,
  UnnamedLimit,
} from './requests/request-limit.options.js';
import type { SharedLimit } from './requests/shared-counters.js';
import type { ThrottleFailurePolicy, ThrottlePolicy } from './throttle.driver.js';
import { LimitMisconfiguredError } from './throttle.errors.js';

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

  get shadow(): boolean {
    return this.#limit.shadow;
  }

  get count(): CountedAnswers {
    return this.#limit.count;
  }

  /**
   * `undefined`: the request is not limited.
   *
   * @throws LimitMisconfiguredError where the application gives a limit that cannot be one
   */
  async policyFor(request: HttpRequest): Promise<ThrottlePolicy | undefined> {
    const { limit } = this.#limit;
    return typeof limit === 'number' ? this.#policyOf(limit) : this.#asked(limit, request);
  }

  /**
   * At least 1; one that is more than the limit ever allows is the request's fault, and left to the
   * driver to refuse.
   *
   * @throws LimitMisconfiguredError where the application gives a cost that cannot be one
   */
  async costFor(request: HttpRequest): Promise<number> {
    const { cost } = this.#limit;
    return typeof cost === 'number' ? cost : this.#askedCost(cost, request);
  }

  /**
   * Says that a function failed, unless it threw what to answer with, such as an `HttpException`.
   *
   * @throws LimitMisconfiguredError
   */
  fail(option: string, error: unknown): never {
    if (error instanceof HttpException || error instanceof BackplaneError) throw error;
    const problem = `failed: ${error instanceof Error ? error.message : String(error)}`;
    throw new LimitMisconfiguredError({ policy: this.name, option, problem }, { cause: error });
  }

  async #asked(
    limit: OfRequest<number | undefined>,
    request: HttpRequest,
  ): Promise<ThrottlePolicy | undefined> {
    const known = await this.#ask('limit', () => limit(request));
    if (known === undefined) return undefined;
    try {
      return this.#policyOf(known);
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) throw error;
      const { option, problem } = error;
      throw new LimitMisconfiguredError({ policy: this.name, option, problem }, { cause: error });
    }
  }

  async #askedCost(cost: OfRequest<number>, request: HttpRequest): Promise<number> {
    const known = await this.#ask('cost', () => cost(request));
    if (Number.isSafeInteger(known) && known >= 1) return known;
    const problem = `must be a whole number of at least 1, not ${String(known)}`;
    throw new LimitMisconfiguredError({ policy: this.name, option: 'cost', problem });
  }

  async #ask<T>(option: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return this.fail(option, error);
    }
  }

  #policyOf(limit: number): ThrottlePolicy {
    const existing = this.#policies.get(limit);
    if (existing !== undefined) return existing;
    const { onRedisDown, known } = this.#naming;
    const unnamed = this.#limit.policy(limit);
    const named = { ...unnamed, name: this.name };
    const policy = { ...named, onRedisDown: failurePolicyOf(unnamed, onRedisDown) };
    if (this.#policies.size < MAX_POLICIES) this.#policies.set(limit, policy);
    known.add(policy);
    return policy;
  }
}
