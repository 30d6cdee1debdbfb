import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
  ThrottleStrategy,
} from '../../../src/modules/throttle/index.js';
import type { FakeClock } from '../../../src/testing/index.js';

/** One driver with nothing counted yet, and the time it goes by. */
export interface ThrottleFixture {
  readonly driver: ThrottleDriver;
  readonly clock: FakeClock;
  dispose(): void;
}

export type OpenThrottle = () => Promise<ThrottleFixture>;

/** Strategies under which hits leave with their window: together or one by one, none in part. */
export const STRATEGIES: readonly ThrottleStrategy[] = [
  'sliding-window',
  'fixed-window',
  'concurrency',
];

export const ALL_STRATEGIES: readonly ThrottleStrategy[] = [
  'sliding-window',
  'fixed-window',
  'sliding-window-counter',
  'token-bucket',
  'gcra',
  'concurrency',
];

/**
 * Window of the suites. Long, because keys in Redis expire in real time whatever clock is stepped:
 * a test has to be over before its counters are.
 */
export const WINDOW = 60_000;

/** A policy with the least that a test is about. */
export function policy(given: Partial<ThrottlePolicy> = {}): ThrottlePolicy {
  return {
    name: 'api',
    strategy: 'sliding-window',
    limit: 3,
    windowMs: WINDOW,
    burst: given.limit ?? 3,
    penalty: 0,
    block: undefined,
    onRedisDown: 'memory',
    shadow: false,
    ...given,
  };
}

/** A fixture for each test of the surrounding suite. */
export function useFixture<T extends { dispose(): void }>(open: () => Promise<T>): () => T {
  let fixture: T | undefined;
  beforeEach(async () => {
    fixture = await open();
  });
  afterEach(() => fixture?.dispose());
  return () => {
    if (fixture === undefined) throw new Error('it only runs inside of tests');
    return fixture;
  };
}

/** What a single policy says to one hit. */
export async function hit(
  driver: ThrottleDriver,
  subject: string,
  asked: ThrottlePolicy,
): Promise<ThrottleDecision> {
  return only((await driver.consume(checks(subject, [asked], 1))).decisions);
}

/** What a single policy would say. */
export async function look(
  driver: ThrottleDriver,
  subject: string,
  asked: ThrottlePolicy,
): Promise<ThrottleDecision> {
  return only((await driver.peek(checks(subject, [asked]))).decisions);
}

/** Alice hits `times` times, one after the other; resolves to how many passed. */
export async function hitTimes(
  driver: ThrottleDriver,
  times: number,
  asked: ThrottlePolicy,
): Promise<number> {
  let passed = 0;
  for (let count = 0; count < times; count += 1) {
    if ((await hit(driver, 'alice', asked)).allowed) passed += 1;
  }
  return passed;
}

function only(decisions: readonly ThrottleDecision[]): ThrottleDecision {
  const [decision] = decisions;
  if (decision === undefined || decisions.length > 1) {
    throw new Error(`expected one decision, got ${decisions.length}`);
  }
  return decision;
}

/** Checks as they were counted, to be taken back. */
export function counted(
  asked: readonly ThrottleCheck[],
  { decisions, backing }: ThrottleOutcome,
): readonly CountedCheck[] {
  return asked.map((check, index) => ({ ...check, at: decisions[index]?.at ?? 0, backing }));
}

/** Checks of one subject, all of one cost. */
export function checks(
  subject: string,
  policies: readonly ThrottlePolicy[],
  cost = 1,
): readonly ThrottleCheck[] {
  return policies.map((asked) => ({ subject, policy: asked, cost }));
}
