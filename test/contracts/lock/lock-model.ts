import fc from 'fast-check';
import type {
  AcquireOutcome,
  ExtendOutcome,
  LockClaim,
  LockRef,
  ReleaseOutcome,
} from '../../../src/modules/lock/index.js';

/** What a release is remembered at most; stated here once more on purpose. */
const KNOWN_MS = 10_000;

/** The part of the contract that decides. */
export interface Deciding {
  acquire(claim: LockClaim): Promise<AcquireOutcome>;
  extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome>;
  release(ref: LockRef): Promise<ReleaseOutcome>;
  forceRelease(key: string): Promise<unknown>;
}

/** What the contract means, in the plainest form: who holds what until when. */
export class LockModel implements Deciding {
  readonly #holds = new Map<string, { readonly token: string; readonly endsAt: number }>();
  readonly #released = new Map<string, number>();
  #now = 0;

  advance(ms: number): void {
    this.#now += ms;
  }

  async acquire({ key, token, ttlMs }: LockClaim): Promise<AcquireOutcome> {
    const holder = this.#holder(key);
    if (holder !== undefined && holder !== token) return { outcome: 'busy', remainingMs: 0 };
    return { outcome: 'acquired', grant: this.#hold(key, token, ttlMs) };
  }

  async extend({ key, token }: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    if (this.#holder(key) !== token) return { outcome: 'lost' };
    return { outcome: 'extended', grant: this.#hold(key, token, ttlMs) };
  }

  async release({ key, token }: LockRef): Promise<ReleaseOutcome> {
    const mark = `${key} ${token}`;
    if (this.#holder(key) !== token) {
      return (this.#released.get(mark) ?? 0) > this.#now ? 'released' : 'lost';
    }
    const endsAt = this.#holds.get(key)?.endsAt ?? 0;
    this.#released.set(mark, Math.min(endsAt, this.#now + KNOWN_MS));
    this.#holds.delete(key);
    return 'released';
  }

  async forceRelease(key: string): Promise<string | undefined> {
    const holder = this.#holder(key);
    this.#holds.delete(key);
    return holder;
  }

  #holder(key: string): string | undefined {
    const hold = this.#holds.get(key);
    return hold !== undefined && hold.endsAt > this.#now ? hold.token : undefined;
  }

  #hold(key: string, token: string, ttlMs: number) {
    const known = this.#holder(key) === token ? (this.#holds.get(key)?.endsAt ?? 0) : 0;
    const endsAt = Math.max(known, this.#now + ttlMs);
    this.#holds.set(key, { token, endsAt });
    return { remainingMs: endsAt - this.#now, fence: undefined, stands: () => true } as const;
  }
}

/** One call, perhaps made twice because the first answer was lost; or time that passes. */
export type Step =
  | {
      readonly call: 'acquire' | 'extend' | 'release' | 'forceRelease';
      readonly key: string;
      readonly token: string;
      readonly ttlMs: number;
      readonly isRepeated: boolean;
    }
  | { readonly call: 'advance'; readonly ms: number };

/** Runs the steps and gives every answer; a repeated call gives the answer to the repetition. */
export async function answersOf(
  steps: readonly Step[],
  driver: Deciding,
  advance: (ms: number) => void,
): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  for (const step of steps) {
    if (step.call === 'advance') {
      advance(step.ms);
      continue;
    }
    // The model decides what a repetition answers: for it the call is made once.
    const isTwice = step.isRepeated && step.call !== 'forceRelease';
    if (isTwice && !(driver instanceof LockModel)) await answerOf(step, driver);
    answers.push(await answerOf(step, driver));
  }
  return answers;
}

type Call = Exclude<Step, { readonly call: 'advance' }>;

/** Without times: a real server's are never quite the model's. */
async function answerOf({ call, key, token, ttlMs }: Call, driver: Deciding): Promise<unknown> {
  switch (call) {
    case 'acquire':
      return (await driver.acquire({ key, token, ttlMs, owner: token })).outcome;
    case 'extend':
      return (await driver.extend({ key, token }, ttlMs)).outcome;
    case 'release':
      return driver.release({ key, token });
    case 'forceRelease':
      return (await driver.forceRelease(key)) !== undefined;
  }
}

/** Few, so that callers meet. */
const key = fc.constantFrom('a', 'b', 'a:b');
const token = fc.constantFrom('t1', 't2', 't3');

const callWith = (ttlMs: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    call: fc.constantFrom('acquire', 'acquire', 'extend', 'release', 'release', 'forceRelease'),
    key,
    token,
    ttlMs,
    isRepeated: fc.boolean(),
  });

const advance = fc.record({
  call: fc.constant('advance' as const),
  ms: fc.oneof(fc.nat(60), fc.constantFrom(9_999, 10_000, 10_001)),
});

/** Sequences in which time passes, for drivers that live by a clock of ours. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: callWith(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(15_000))),
    },
    { weight: 1, arbitrary: advance },
  ),
  { maxLength: 40 },
);

/** Sequences for a server whose time nobody moves: holds outlive the test. */
export const timelessSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  callWith(fc.constant(3_600_000)),
  { maxLength: 25 },
);
