import fc from 'fast-check';
import type { ThrottlePolicy } from '../../../src/modules/throttle/index.js';
import { capacityOf } from '../../../src/modules/throttle/throttle.driver.js';
import type { ThrottleFixture } from './throttle-fixture.js';
import { ALL_STRATEGIES, policy } from './throttle-fixture.js';

/** Repeats a failure: the seed is part of every title. @default another one each time */
export const SEED = Number(process.env['TEST_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));

/** Random cases against the model on memory; other properties and Redis get a part of it. */
export const RUNS = Number(process.env['TEST_RUNS'] ?? 1_000);

/** What the properties are checked on. */
export interface PropertyTarget {
  readonly fixture: () => ThrottleFixture;
  /** Every time in a case is a multiple of it. */
  readonly tickMs: number;
  readonly runs: { readonly model: number; readonly others: number };
  /** Its keys expire in real time whatever clock is stepped: `reset` may find what is over. */
  readonly expiresInRealTime: boolean;
}

/**
 * Windows in ticks; each name keeps its window, because policies that share a counter should, and
 * buckets their limit, not their burst: what is missing in one comes back at its rate.
 */
const WINDOWS = [
  { name: 'a', strategy: 'sliding-window', ticks: 3 },
  { name: 'b', strategy: 'sliding-window', ticks: 5 },
  { name: 'c', strategy: 'fixed-window', ticks: 4 },
  { name: 'c', strategy: 'sliding-window', ticks: 6 },
  { name: 'c', strategy: 'concurrency', ticks: 5 },
  { name: 'd', strategy: 'fixed-window', ticks: 3 },
  { name: 'e', strategy: 'sliding-window-counter', ticks: 4 },
  { name: 'f', strategy: 'token-bucket', ticks: 6, limit: 4 },
  { name: 'g', strategy: 'gcra', ticks: 5, limit: 2 },
  { name: 'g', strategy: 'token-bucket', ticks: 3, limit: 1 },
] as const;

/** One call, or time that passes. */
export type Call =
  | { readonly kind: 'advance'; readonly ticks: number }
  | {
      readonly kind: 'consume' | 'peek' | 'reset';
      readonly subject: string;
      readonly policies: readonly ThrottlePolicy[];
      readonly cost: number;
    };

/** Also a hit that is taken back, of those that were admitted, the latest being the first. */
export type Step = Call | { readonly kind: 'refund'; readonly which: number };

/** Up to four policies whose limits change from call to call; some may share a counter. */
export function policies(tickMs: number): fc.Arbitrary<readonly ThrottlePolicy[]> {
  const one = fc
    .record({
      window: fc.constantFrom(...WINDOWS),
      limit: fc.integer({ min: 1, max: 4 }),
      burst: fc.integer({ min: 1, max: 4 }),
    })
    .map(({ window: { ticks, ...window }, ...rest }) =>
      policy({ ...rest, ...window, windowMs: ticks * tickMs }),
    );
  return fc.array(one, { maxLength: 4 });
}

export function steps(tickMs: number): fc.Arbitrary<readonly Step[]> {
  const refund = fc.record({ kind: fc.constant('refund' as const), which: fc.nat(5) });
  const step = fc.oneof(
    { weight: 5, arbitrary: oneCall(tickMs) },
    { weight: 1, arbitrary: refund },
  );
  return fc.array(step, { minLength: 1, maxLength: 40 });
}

export function calls(tickMs: number): fc.Arbitrary<readonly Call[]> {
  return fc.array(oneCall(tickMs), { minLength: 1, maxLength: 40 });
}

function oneCall(tickMs: number): fc.Arbitrary<Call> {
  const call = <K extends 'consume' | 'peek' | 'reset'>(kind: K) =>
    fc
      .record({
        kind: fc.constant(kind),
        subject: fc.constantFrom('alice', 'bob'),
        policies: policies(tickMs),
        cost: fc.integer({ min: 1, max: 3 }),
      })
      .map((made) => ({ ...made, cost: Math.min(made.cost, ...made.policies.map(capacityOf)) }));
  return fc.oneof(
    { weight: 4, arbitrary: advance() },
    { weight: 8, arbitrary: call('consume') },
    { weight: 2, arbitrary: call('peek') },
    { weight: 1, arbitrary: call('reset') },
  );
}

function advance(): fc.Arbitrary<Call> {
  return fc.record({
    kind: fc.constant('advance' as const),
    ticks: fc.integer({ min: 0, max: 7 }),
  });
}

/** One policy and the pauses between its hits. */
export interface Load {
  readonly policy: ThrottlePolicy;
  readonly pauses: readonly { readonly ticks: number; readonly setBackTicks: number }[];
}

/** @param maxSetBackTicks how far the wall clock may be set back after a pause */
export function load(tickMs: number, maxSetBackTicks: number): fc.Arbitrary<Load> {
  const pause = fc.record({
    ticks: fc.integer({ min: 0, max: 4 }),
    setBackTicks: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: maxSetBackTicks })),
  });
  return fc.record({
    policy: fc
      .record({
        strategy: fc.constantFrom(...ALL_STRATEGIES),
        limit: fc.integer({ min: 1, max: 5 }),
        burst: fc.integer({ min: 1, max: 5 }),
        ticks: fc.integer({ min: 1, max: 8 }),
      })
      .map(({ ticks, ...rest }) => policy({ ...rest, windowMs: ticks * tickMs })),
    pauses: fc.array(pause, { minLength: 1, maxLength: 40 }),
  });
}
