import type { ThrottlePolicy, ThrottleStrategy } from '../../throttle.driver.js';
import type { StrategyKind } from './throttle-counters.lua.js';

/** A check with its keys, as the throttle scripts take it. */
export interface ScriptCheck {
  readonly key: string;
  /** Of a policy that knows blocks or penalties. */
  readonly blockKey: string | undefined;
  readonly policy: ThrottlePolicy;
  readonly cost: number;
  /** Server time of a hit that is taken back. */
  readonly at?: number;
}

/** Checks as a script is sent them; see `throttle-counters`. */
export interface PackedChecks {
  readonly keys: readonly string[];
  readonly plan: string;
  /** The strategies of all checks, sorted. */
  readonly kinds: readonly StrategyKind[];
}

const SCRIPT_STRATEGY = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'sliding-window-counter': 'c',
  'token-bucket': 'b',
  gcra: 'b',
  concurrency: 's',
} as const satisfies Record<ThrottleStrategy, StrategyKind>;

/**
 * Packs the checks of each hit into one argument, and keys and policies that several have once: an
 * argument costs client and server about as much as counting a hit does.
 */
export function packChecks(hits: readonly (readonly ScriptCheck[])[]): PackedChecks {
  const keys = new Places<string>();
  const policies = new Places<ThrottlePolicy>();
  const packed = hits.map((checks) =>
    checks.map(({ key, blockKey, policy, cost, at = 0 }) => [
      keys.of(key),
      policies.of(policy),
      cost,
      blockKey === undefined ? 0 : keys.of(blockKey),
      at,
    ]),
  );
  const plan = { policies: policies.all.map(packPolicy), hits: packed };
  const kinds = new Set(plan.policies.map(({ strategy }) => strategy));
  return { keys: keys.all, plan: JSON.stringify(plan), kinds: [...kinds].sort() };
}

function packPolicy({ strategy, limit, windowMs: window, burst, penalty, block }: ThrottlePolicy) {
  const { durationMs: shortest = 0, longestMs: longest = 0, clears = false } = block ?? {};
  const counted = { strategy: SCRIPT_STRATEGY[strategy], limit, window, burst };
  return { ...counted, penalty, shortest, longest, clears };
}

/** Says where in a list something stands, from 1 as Lua does; puts it there when it is new. */
class Places<T> {
  readonly #places = new Map<T, number>();

  get all(): readonly T[] {
    return [...this.#places.keys()];
  }

  of(one: T): number {
    const known = this.#places.get(one);
    if (known !== undefined) return known;
    const place = this.#places.size + 1;
    this.#places.set(one, place);
    return place;
  }
}
