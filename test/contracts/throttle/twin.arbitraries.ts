import fc from 'fast-check';
import type {
  ThrottleBlock,
  ThrottleCheck,
  ThrottleCounter,
  ThrottlePolicy,
} from '../../../src/modules/throttle/index.js';
import { capacityOf } from '../../../src/modules/throttle/throttle.driver.js';
import { policy } from './throttle-fixture.js';

/** Keys in Redis expire in real time: far longer than a case takes. */
export const TICK_MS = 10_000;

/** One call, or the clock that goes on or is set back. */
export type TwinStep =
  | { readonly kind: 'clock'; readonly ticks: number }
  /** The hit before, once more: who is denied tries again. */
  | { readonly kind: 'again' }
  | { readonly kind: 'refund'; readonly which: number }
  | {
      readonly kind: 'consume' | 'peek' | 'reset' | 'grant';
      readonly checks: readonly ThrottleCheck[];
    }
  | {
      readonly kind: 'block';
      readonly checks: readonly ThrottleCounter[];
      readonly durationMs: number;
    };

/** In ticks. Buckets keep their limit: what is missing in one comes back at its rate. */
const COUNTERS = [
  { name: 'a', strategy: 'sliding-window', ticks: 3 },
  { name: 'a', strategy: 'fixed-window', ticks: 4 },
  { name: 'a', strategy: 'sliding-window-counter', ticks: 4 },
  { name: 'a', strategy: 'concurrency', ticks: 5 },
  { name: 'b', strategy: 'token-bucket', ticks: 6, limit: 4 },
  { name: 'b', strategy: 'gcra', ticks: 5, limit: 2 },
] as const;

const BLOCKS: readonly (ThrottleBlock | undefined)[] = [
  undefined,
  { durationMs: 0, longestMs: 0 },
  { durationMs: TICK_MS, longestMs: 3 * TICK_MS },
  { durationMs: 4 * TICK_MS, longestMs: 100 * TICK_MS },
];

/** Limits, bursts, penalties and blocks change from call to call. */
const somePolicy: fc.Arbitrary<ThrottlePolicy> = fc
  .record({
    counter: fc.constantFrom(...COUNTERS),
    limit: fc.integer({ min: 1, max: 4 }),
    burst: fc.integer({ min: 1, max: 4 }),
    penalty: fc.constantFrom(0, 0, 1, 3),
    block: fc.constantFrom(...BLOCKS),
  })
  .map(({ counter: { ticks, ...counter }, ...rest }) =>
    policy({ ...rest, ...counter, windowMs: ticks * TICK_MS }),
  );

/** Of one subject mostly. */
function someChecks(): fc.Arbitrary<readonly ThrottleCheck[]> {
  const subject = fc.constantFrom('alice', 'alice', 'alice', 'bob');
  const check = fc
    .record({ subject, policy: somePolicy, cost: fc.integer({ min: 1, max: 3 }) })
    .map((made) => ({ ...made, cost: Math.min(made.cost, capacityOf(made.policy)) }));
  return fc.array(check, { minLength: 1, maxLength: 4 });
}

function someStep(mostTicks: number): fc.Arbitrary<TwinStep> {
  const checks = someChecks();
  const call = <K extends 'consume' | 'peek' | 'reset' | 'grant'>(kind: K) =>
    fc.record({ kind: fc.constant(kind), checks });
  const block = fc.record({ checks, ticks: fc.integer({ min: 1, max: 6 }) }).map((made) => ({
    kind: 'block' as const,
    checks: made.checks.filter((check) => check.policy.block !== undefined),
    durationMs: made.ticks * TICK_MS,
  }));
  const clock = fc.record({
    kind: fc.constant('clock' as const),
    ticks: fc.integer({ min: 0, max: mostTicks }),
  });
  return fc.oneof(
    { weight: 10, arbitrary: call('consume') },
    { weight: 8, arbitrary: fc.constant({ kind: 'again' as const }) },
    { weight: mostTicks > 0 ? 4 : 0, arbitrary: clock },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), which: fc.nat(5) }) },
    { weight: 2, arbitrary: call('peek') },
    { weight: 2, arbitrary: call('grant') },
    { weight: 1, arbitrary: block },
    { weight: 1, arbitrary: call('reset') },
  );
}

/**
 * The clock is set back once at most, and before anything was over: what a driver forgot by then, it
 * does not know any more when that time comes again.
 */
export function twinCase(isClockSet: boolean): fc.Arbitrary<readonly TwinStep[]> {
  const steps = (mostTicks: number) => fc.array(someStep(mostTicks), { maxLength: 20 });
  return fc
    .record({ early: steps(0), setBackTicks: fc.nat(isClockSet ? 8 : 0), late: steps(7) })
    .map(({ early, setBackTicks, late }) => [
      ...early,
      { kind: 'clock', ticks: -setBackTicks },
      ...late,
    ]);
}

/** The step for subjects whose names begin with `prefix`. */
export function renamed(step: TwinStep, prefix: string): TwinStep {
  const named = <T extends ThrottleCounter>(checks: readonly T[]): readonly T[] =>
    checks.map((check) => ({ ...check, subject: prefix + check.subject }));
  switch (step.kind) {
    case 'clock':
    case 'again':
    case 'refund':
      return step;
    case 'block':
      return { ...step, checks: named(step.checks) };
    default:
      return { ...step, checks: named(step.checks) };
  }
}
