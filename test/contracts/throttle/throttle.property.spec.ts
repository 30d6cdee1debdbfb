import fc from 'fast-check';
import type {
  CountedCheck,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../../../src/modules/throttle/index.js';
import { capacityOf } from '../../../src/modules/throttle/throttle.driver.js';
import {
  type Call,
  calls,
  type Load,
  load,
  policies,
  type PropertyTarget,
  RUNS,
  SEED,
  type Step,
  steps,
} from './throttle.arbitraries.js';
import { memoryOpener, useRedisOpener } from './throttle-drivers.js';
import { checks, counted, hit, useFixture } from './throttle-fixture.js';
import { type ModelCall, ThrottleModel } from './throttle.model.js';

/** Redis expires keys in real time: a tick is far longer than a case takes. */
const REDIS_TICK_MS = 10_000;
jest.setTimeout(30_000 + RUNS * 20);

describe(`throttle on memory (TEST_SEED=${SEED} TEST_RUNS=${RUNS})`, () => {
  const fixture = useFixture(memoryOpener.stepped);

  properties({
    fixture,
    tickMs: 1,
    runs: { model: RUNS, others: Math.ceil(RUNS / 4) },
    expiresInRealTime: false,
  });
});

describe(`throttle on redis (TEST_SEED=${SEED} TEST_RUNS=${RUNS})`, () => {
  const fixture = useFixture(useRedisOpener('standalone').stepped);

  properties({
    fixture,
    tickMs: REDIS_TICK_MS,
    runs: { model: Math.ceil(RUNS / 10), others: Math.ceil(RUNS / 20) },
    expiresInRealTime: true,
  });
});

function properties(target: PropertyTarget): void {
  const { tickMs, runs } = target;

  it('decides as the plain model does, whatever the calls', async () => {
    await forAll(runs.model, steps(tickMs), (sequence) => expectAsModel(target, sequence));
  });

  it('never admits more in any span of a window than its strategy says', async () => {
    await forAll(runs.others, load(tickMs, 0), (given) => expectBounded(target, given));
  });

  it('keeps these bounds, and no client waiting past a window, while the clock is set back', async () => {
    await forAll(runs.others, load(tickMs, 20), (given) => expectBounded(target, given));
  });

  it('admits a hit after exactly the promised wait and not a millisecond earlier', async () => {
    const given = fc.tuple(calls(tickMs), policies(tickMs));
    await forAll(runs.others, given, async ([sequence, asked]) => {
      fc.pre(asked.length > 0);
      const { driver, clock } = target.fixture();
      const subject = await play(target, sequence);
      const denied = await exhaust(target, subject, asked);
      clock.advance(Math.max(...denied.decisions.map(({ retryAfterMs }) => retryAfterMs)) - 1);
      expect(await driver.consume(checks(subject, asked))).toMatchObject({ allowed: false });
      clock.advance(1);
      expect(await driver.consume(checks(subject, asked))).toMatchObject({ allowed: true });
    });
  });

  it('leaves no trace of a hit that is taken back at once', async () => {
    const given = fc.tuple(calls(tickMs), policies(tickMs), fc.integer({ min: 1, max: 3 }));
    await forAll(runs.others, given, async ([sequence, asked, wanted]) => {
      fc.pre(asked.length > 0);
      const { driver } = target.fixture();
      const subject = await play(target, sequence);
      const cost = Math.min(wanted, ...asked.map(capacityOf));
      const before = await driver.peek(checks(subject, asked));
      const hits = checks(subject, asked, cost);
      const outcome = await driver.consume(hits);
      if (outcome.allowed) expect(await driver.refund(counted(hits, outcome))).toBe(true);
      expect(await driver.peek(checks(subject, asked))).toEqual(before);
    });
  });

  it('never gives back more than a hit took, however late it is taken back', async () => {
    await forAll(runs.others, load(tickMs, 0), (given) => expectBoundedRefunds(target, given));
  });

  it('changes nothing by denying', async () => {
    const given = fc.tuple(calls(tickMs), policies(tickMs), policies(tickMs));
    await forAll(runs.others, given, async ([sequence, asked, others]) => {
      fc.pre(asked.length > 0);
      const { driver } = target.fixture();
      const subject = await play(target, sequence);
      await exhaust(target, subject, asked);
      const all = [...asked, ...others];
      const before = await driver.peek(checks(subject, all));
      expect(await driver.consume(checks(subject, all))).toEqual(before);
      expect(await driver.peek(checks(subject, all))).toEqual(before);
    });
  });
}

/** A hit that was admitted, and can be taken back. */
interface Admitted extends ModelCall {
  readonly at: number;
  readonly counted: readonly CountedCheck[];
}

async function expectAsModel(target: PropertyTarget, sequence: readonly Step[]): Promise<void> {
  const { driver, clock } = target.fixture();
  const model = new ThrottleModel();
  const name = nameSubjects();
  let admitted: readonly Admitted[] = [];
  for (const step of sequence) {
    if (step.kind === 'advance') {
      clock.advance(step.ticks * target.tickMs);
    } else if (step.kind === 'refund') {
      const taken = admitted.at(-1 - (step.which % Math.max(1, admitted.length)));
      if (taken === undefined) continue;
      admitted = admitted.filter((each) => each !== taken);
      const expected = model.refund(taken, taken.at, clock.now());
      expect(await driver.refund(taken.counted)).toBe(expected);
    } else if (step.kind === 'reset') {
      const call = { ...step, subject: name(step.subject) };
      const expected = model.reset(call, clock.now());
      const found = await driver.reset(checks(call.subject, step.policies));
      expect(found && target.expiresInRealTime ? expected : found).toBe(expected);
      // Taken back now, they would be made good to those that came after.
      admitted = admitted.filter(({ subject }) => subject !== call.subject);
    } else {
      const call = { ...step, subject: name(step.subject) };
      const asked = checks(call.subject, step.policies, step.cost);
      const outcome = await driver[step.kind](asked);
      const { allowed, decisions } = outcome;
      expect({ allowed, decisions }).toEqual(model[step.kind](call, clock.now()));
      if (step.kind === 'peek' || !allowed) continue;
      admitted = [...admitted, { ...call, at: clock.now(), counted: counted(asked, outcome) }];
    }
  }
}

/**
 * Under load, in real time: how many pass in any span, and how long a denied client is told to
 * wait.
 */
async function expectBounded(target: PropertyTarget, { policy, pauses }: Load): Promise<void> {
  const { driver, clock } = target.fixture();
  const subject = nameSubjects()('alice');
  const admittedAt: number[] = [];
  for (const { ticks, setBackTicks } of pauses) {
    clock.advance(ticks * target.tickMs);
    clock.set(clock.now() - setBackTicks * target.tickMs);
    const { allowed, retryAfterMs } = await hit(driver, subject, policy);
    if (allowed) admittedAt.push(clock.monotonic());
    // The hits of a counted window leave one by one, the first a moment after its end.
    else expect(retryAfterMs).toBeLessThanOrEqual(policy.windowMs + 1);
  }
  expect(mostInAnySpan(admittedAt, policy.windowMs)).toBeLessThanOrEqual(boundOf(policy));
  const last = await hit(driver, subject, policy);
  clock.advance(last.retryAfterMs);
  if (!last.allowed) expect(await hit(driver, subject, policy)).toMatchObject({ allowed: true });
}

/** Every second admitted hit is taken back a pause later: what is left keeps to the bound. */
async function expectBoundedRefunds(
  target: PropertyTarget,
  { policy, pauses }: Load,
): Promise<void> {
  const { driver, clock } = target.fixture();
  const subject = nameSubjects()('alice');
  const keptAt: number[] = [];
  const hits = checks(subject, [policy]);
  let taken: readonly CountedCheck[] | undefined;
  for (const [index, { ticks }] of pauses.entries()) {
    clock.advance(ticks * target.tickMs);
    if (taken !== undefined) await driver.refund(taken);
    const outcome = await driver.consume(hits);
    const at = clock.now();
    taken = outcome.allowed && index % 2 === 0 ? counted(hits, outcome) : undefined;
    if (outcome.allowed && taken === undefined) keptAt.push(at);
  }
  expect(mostInAnySpan(keptAt, policy.windowMs)).toBeLessThanOrEqual(boundOf(policy));
}

/** What may pass in any span of a window. */
function boundOf({ strategy, limit, burst }: ThrottlePolicy): number {
  switch (strategy) {
    case 'sliding-window':
    case 'concurrency':
      return limit;
    case 'fixed-window':
    case 'sliding-window-counter':
      return 2 * limit;
    case 'token-bucket':
    case 'gcra':
      return limit + burst;
    default:
      return strategy satisfies never;
  }
}

function mostInAnySpan(times: readonly number[], windowMs: number): number {
  return Math.max(
    0,
    ...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length),
  );
}

/** Plays a sequence without looking at the outcomes; resolves to one of its subjects. */
async function play(target: PropertyTarget, sequence: readonly Call[]): Promise<string> {
  const { driver, clock } = target.fixture();
  const name = nameSubjects();
  for (const step of sequence) {
    if (step.kind === 'advance') clock.advance(step.ticks * target.tickMs);
    else await driver[step.kind](checks(name(step.subject), step.policies));
  }
  return name('alice');
}

/** Hits until one is denied. */
async function exhaust(
  target: PropertyTarget,
  subject: string,
  asked: readonly ThrottlePolicy[],
): Promise<ThrottleOutcome> {
  const most = Math.max(...asked.map(capacityOf));
  for (let count = 0; count <= most; count += 1) {
    const outcome = await target.fixture().driver.consume(checks(subject, asked));
    if (!outcome.allowed) return outcome;
  }
  throw new Error(`${most + 1} hits passed at one moment`);
}

let cases = 0;

/** The cases of a property share a driver; each has its own subjects. */
function nameSubjects(): (subject: string) => string {
  cases += 1;
  const prefix = `${cases}-`;
  return (subject) => `${prefix}${subject}`;
}

async function forAll<T>(
  numRuns: number,
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, holds), { seed: SEED, numRuns });
}
