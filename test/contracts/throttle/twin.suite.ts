import fc from 'fast-check';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import type {
  ThrottleCheck,
  ThrottleDriver,
  ThrottleOutcome,
} from '../../../src/modules/throttle/index.js';
import { RUNS, SEED } from './throttle.arbitraries.js';
import { counted, type OpenThrottle, useFixture } from './throttle-fixture.js';
import { renamed, TICK_MS, twinCase, type TwinStep } from './twin.arbitraries.js';

/** A hit that both admitted. */
interface Admitted {
  readonly checks: readonly ThrottleCheck[];
  readonly outcomes: readonly ThrottleOutcome[];
}

/** Two drivers that are told the same. */
type Twins = readonly [subject: ThrottleDriver, memory: ThrottleDriver];

/** What a step said, of each driver. */
type Said = readonly [unknown, unknown];

/**
 * Whatever is asked, penalties, blocks, grants and refunds, of one subject or several, also after the
 * clock was set back (`isClockSet`): the driver says what the one in memory says.
 */
export function twinSuite(open: OpenThrottle, { isClockSet } = { isClockSet: true }): void {
  const fixture = useFixture(open);
  let cases = 0;

  it('says what memory says, whatever the calls', async () => {
    await fc.assert(
      fc.asyncProperty(twinCase(isClockSet), async (given) => {
        cases += 1;
        await expectTwins(given.map((step) => renamed(step, `${cases}-`)));
      }),
      { seed: SEED, numRuns: Math.ceil(RUNS / 20) },
    );
  });

  async function expectTwins(steps: readonly TwinStep[]): Promise<void> {
    const { driver, clock } = fixture();
    const memory = new MemoryThrottleDriver({ clock, maxCounters: 1_000, maxHits: 100_000 });
    const admitted: Admitted[] = [];
    let latest: Call | undefined;
    for (const [index, given] of steps.entries()) {
      const step = given.kind === 'again' ? latest : given;
      if (step === undefined) continue;
      if (step.kind === 'clock') {
        if (step.ticks < 0) clock.set(clock.now() + step.ticks * TICK_MS);
        else clock.advance(step.ticks * TICK_MS);
        continue;
      }
      if (step.kind === 'consume') latest = step;
      const [said, expected] = await ask([driver, memory], step, admitted);
      expect({ index, step, said }).toEqual({ index, step, said: expected });
    }
  }
}

type Call = Exclude<TwinStep, { readonly kind: 'clock' | 'again' }>;

async function ask(twins: Twins, step: Call, admitted: Admitted[]): Promise<Said> {
  switch (step.kind) {
    case 'consume':
    case 'peek':
      return decide(twins, { kind: step.kind, checks: step.checks }, admitted);
    case 'refund':
      return refund(twins, step.which, admitted);
    case 'reset': {
      const [found, had] = await Promise.all(twins.map((each) => each.reset(step.checks)));
      // Keys in Redis expire in real time, whatever clock is stepped: it may find what is over.
      return had ? [found, true] : [undefined, undefined];
    }
    case 'grant':
      await Promise.all(twins.map((each) => each.grant(step.checks)));
      return [undefined, undefined];
    case 'block':
      await Promise.all(twins.map((each) => each.block(step.checks, step.durationMs)));
      return [undefined, undefined];
    default:
      return step satisfies never;
  }
}

async function decide(
  twins: Twins,
  {
    kind,
    checks,
  }: { readonly kind: 'consume' | 'peek'; readonly checks: readonly ThrottleCheck[] },
  admitted: Admitted[],
): Promise<Said> {
  const outcomes = await Promise.all(twins.map((each) => each[kind](checks)));
  const [one, other] = outcomes;
  if (kind === 'consume' && one?.allowed && other?.allowed) admitted.push({ checks, outcomes });
  const view = ({ allowed, decisions }: ThrottleOutcome) => ({ allowed, decisions });
  if (one === undefined || other === undefined) throw new Error('there are two');
  return [view(one), view(other)];
}

async function refund(twins: Twins, which: number, admitted: Admitted[]): Promise<Said> {
  const [taken] = admitted.splice(admitted.length - 1 - (which % (admitted.length || 1)), 1);
  if (taken === undefined) return [undefined, undefined];
  const [one, other] = await Promise.all(
    twins.map((each, index) => {
      const outcome = taken.outcomes[index];
      return outcome === undefined ? undefined : each.refund(counted(taken.checks, outcome));
    }),
  );
  return [one, other];
}
