import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { ThrottlerOptions } from '@nestjs/throttler';
import {
  THROTTLER_BLOCK_DURATION,
  THROTTLER_KEY_GENERATOR,
  THROTTLER_LIMIT,
  THROTTLER_SKIP,
  THROTTLER_TRACKER,
  THROTTLER_TTL,
} from '@nestjs/throttler/dist/throttler.constants.js';
import { type HttpRequest, headerValue, routeTemplate } from '../../../common/http/index.js';
import type { KnownPolicies } from '../known-policies.js';
import { handlerParts } from '../requests/handler-name.js';
import type { RequestCheck } from '../requests/request-checks.js';
import type { ThrottleFailurePolicy, ThrottlePolicy } from '../throttle.driver.js';
import { LimitMisconfiguredError } from '../throttle.errors.js';
import { type ThrottlerNumbers, throttlerPolicy, throttlerSubject } from './throttler-policy.js';

type GetTracker = NonNullable<ThrottlerOptions['getTracker']>;
type GenerateKey = NonNullable<ThrottlerOptions['generateKey']>;

/** A throttler that a request has to pass, with what its error message may be made of. */
export interface ThrottlerCheck extends RequestCheck {
  readonly throttler: ThrottlerNumbers & {
    readonly tracker: string;
    readonly key: string;
    /** Clients are told of it. */
    readonly setHeaders: boolean;
  };
}

/** What throttlers have in common, unless they say otherwise. */
export interface CommonThrottlerOptions extends Pick<
  ThrottlerOptions,
  'skipIf' | 'ignoreUserAgents' | 'setHeaders'
> {
  readonly getTracker: GetTracker;
  /** Without it a client has a counter for each handler. */
  readonly generateKey: GenerateKey | undefined;
}

export interface ThrottlerLimitsOptions {
  readonly throttlers: readonly ThrottlerOptions[];
  readonly common: CommonThrottlerOptions;
  readonly reflector: Reflector;
  /** Makes the subject of what a tracker says: an address becomes its network. */
  readonly tracked: (tracker: string | undefined, request: HttpRequest) => string;
  readonly onRedisDown: ThrottleFailurePolicy;
  /** Where operators look policies up. */
  readonly known: KnownPolicies;
}

/** Policies remembered: there are as many as limits, or plans where they depend on the request. */
const MAX_POLICIES = 1_000;

/**
 * The limits of `@nestjs/throttler`: its named throttlers, which all hold for every handler, as far
 * as `@Throttle` and `@SkipThrottle` do not say otherwise. What their values mean is what they mean
 * there: `ttl` and `blockDuration` in milliseconds, functions are asked for each request.
 */
export class ThrottlerLimits {
  readonly #options: ThrottlerLimitsOptions;
  readonly #policies = new Map<string, ThrottlePolicy>();

  constructor(options: ThrottlerLimitsOptions) {
    this.#options = options;
  }

  /** @throws LimitMisconfiguredError where a limit, ttl or block is no number */
  async checksOf(
    context: ExecutionContext,
    request: HttpRequest,
  ): Promise<readonly ThrottlerCheck[]> {
    const held = this.#options.throttlers.filter((each) => !this.#skips(each, context, request));
    return Promise.all(held.map((throttler) => this.#checkOf(throttler, context, request)));
  }

  #skips(throttler: ThrottlerOptions, context: ExecutionContext, request: HttpRequest): boolean {
    const { common } = this.#options;
    if (this.#decorated<boolean>(THROTTLER_SKIP, throttler, context)) return true;
    if ((throttler.skipIf ?? common.skipIf)?.(context)) return true;
    const ignored = throttler.ignoreUserAgents ?? common.ignoreUserAgents ?? [];
    if (ignored.length === 0) return false;
    const userAgent = headerValue(request, 'user-agent') ?? '';
    // Not `test`, which looks for the next place where the expression is global.
    return ignored.some((pattern) => userAgent.search(pattern) !== -1);
  }

  async #checkOf(
    throttler: ThrottlerOptions,
    context: ExecutionContext,
    request: HttpRequest,
  ): Promise<ThrottlerCheck> {
    const { common } = this.#options;
    const numbers = await this.#numbersOf(throttler, context);
    const name = nameOf(throttler);
    const getTracker =
      this.#decorated<GetTracker>(THROTTLER_TRACKER, throttler, context) ??
      throttler.getTracker ??
      common.getTracker;
    const generateKey =
      this.#decorated<GenerateKey>(THROTTLER_KEY_GENERATOR, throttler, context) ??
      throttler.generateKey ??
      common.generateKey;
    const tracker = this.#options.tracked(await getTracker(request, context), request);
    // A key of the application's own may be that of several handlers; without one a client's
    // counters stay together, as all of one subject do.
    const key = generateKey?.(context, tracker, name);
    const handler = key === undefined ? handlerParts(context, routeTemplate(request)) : [];
    const parts = [this.#counterOf(throttler), ...handler];
    const setHeaders = throttler.setHeaders ?? common.setHeaders ?? true;
    return {
      subject: throttlerSubject(key ?? tracker),
      policy: this.#policyOf(parts, numbers),
      cost: 1,
      count: 'all',
      throttler: { ...numbers, tracker, key: key ?? [...parts, tracker].join(' '), setHeaders },
    };
  }

  /** Several may have one name, or none; each has counters of its own. */
  #counterOf(throttler: ThrottlerOptions): string {
    const name = nameOf(throttler);
    const alike = this.#options.throttlers.filter((other) => nameOf(other) === name);
    const place = alike.indexOf(throttler);
    return place > 0 ? `${name} #${place + 1}` : name;
  }

  async #numbersOf(
    throttler: ThrottlerOptions,
    context: ExecutionContext,
  ): Promise<ThrottlerNumbers> {
    const numberOf = async (value: unknown, option: string): Promise<number> =>
      asNumber(typeof value === 'function' ? await value(context) : value, option, throttler);
    const given = <T>(prefix: string): T | undefined => this.#decorated(prefix, throttler, context);
    const limit = await numberOf(given(THROTTLER_LIMIT) ?? throttler.limit, 'limit');
    const ttl = await numberOf(given(THROTTLER_TTL) ?? throttler.ttl, 'ttl');
    const block = given(THROTTLER_BLOCK_DURATION) ?? throttler.blockDuration ?? ttl;
    return { limit, ttl, blockDuration: await numberOf(block, 'blockDuration') };
  }

  #decorated<T>(
    prefix: string,
    throttler: ThrottlerOptions,
    context: ExecutionContext,
  ): T | undefined {
    const places = [context.getHandler(), context.getClass()];
    return this.#options.reflector.getAllAndOverride<T | undefined>(
      prefix + nameOf(throttler),
      places,
    );
  }

  #policyOf(parts: readonly string[], numbers: ThrottlerNumbers): ThrottlePolicy {
    const { limit, ttl, blockDuration } = numbers;
    const content = JSON.stringify([limit, ttl, blockDuration, ...parts]);
    const existing = this.#policies.get(content);
    if (existing !== undefined) return existing;
    const policy = throttlerPolicy(parts, numbers, this.#options.onRedisDown);
    if (this.#policies.size < MAX_POLICIES) this.#policies.set(content, policy);
    // One that nobody passes has no counters to look up.
    if (policy.limit >= 1) this.#options.known.add(policy);
    return policy;
  }
}

function nameOf({ name = 'default' }: ThrottlerOptions): string {
  return name;
}

/** Values from the environment are text. */
function asNumber(value: unknown, option: string, throttler: ThrottlerOptions): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && !Number.isNaN(number)) return number;
  const problem = 'must be a number, or a function that gives one';
  throw new LimitMisconfiguredError({ policy: nameOf(throttler), option, problem });
}
