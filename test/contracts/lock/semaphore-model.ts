import fc from 'fast-check';
import type { LockDriver } from '../../../src/modules/lock/index.js';

/** Permits of the one key. */
const OF = 4;

/** What happens around permits; a token is the place of its step in the sequence. */
export type PermitsStep =
  | {
      readonly call: 'wait' | 'try';
      readonly take: number;
      /** Its hold ends with the next `expire`. */
      readonly isShort: boolean;
    }
  /** One of those who hold, or wait. */
  | { readonly call: 'release' | 'forceRelease' | 'stop'; readonly nth: number }
  | { readonly call: 'expire' };

/** Who holds permits, who waits for them, in order, and what became of all. */
export interface PermitsState {
  readonly held: readonly string[];
  readonly queue: readonly string[];
  readonly outcomes: Readonly<Record<string, string>>;
}

interface Claim {
  readonly token: string;
  readonly take: number;
  readonly isShort: boolean;
}

/** What the contract means: first come, first served, as long as what is left is enough. */
class PermitsModel {
  #held: readonly Claim[] = [];
  #waiting: readonly Claim[] = [];
  readonly #outcomes: Record<string, string> = {};

  get state(): PermitsState {
    const tokens = (claims: readonly Claim[]) => claims.map(({ token }) => token);
    return {
      held: tokens(this.#held).toSorted(),
      queue: tokens(this.#waiting),
      outcomes: { ...this.#outcomes },
    };
  }

  holder(nth: number): string {
    return this.#held[nth % Math.max(1, this.#held.length)]?.token ?? 'nobody';
  }

  waiter(nth: number): string {
    return this.#waiting[nth % Math.max(1, this.#waiting.length)]?.token ?? 'nobody';
  }

  claim(claim: Claim, isPatient: boolean): void {
    this.#waiting = [...this.#waiting, claim];
    this.#serve();
    if (isPatient || !this.#waiting.includes(claim)) return;
    this.#waiting = this.#waiting.filter((one) => one !== claim);
    this.#outcomes[claim.token] = 'busy';
  }

  end(token: string): void {
    this.#held = this.#held.filter((one) => one.token !== token);
    this.#serve();
  }

  stop(token: string): void {
    if (token !== 'nobody') this.#outcomes[token] = 'stopped';
    this.#waiting = this.#waiting.filter((one) => one.token !== token);
    this.#serve();
  }

  expire(): void {
    this.#held = this.#held.filter(({ isShort }) => !isShort);
    this.#serve();
  }

  #serve(): void {
    const [first, ...others] = this.#waiting;
    const used = this.#held.reduce((sum, { take }) => sum + take, 0);
    if (first === undefined || used + first.take > OF) return;
    this.#held = [...this.#held, first];
    this.#waiting = others;
    this.#outcomes[first.token] = 'acquired';
    this.#serve();
  }
}

const TTL_MS = { short: 1_000, long: 3_600_000_000 };
const LONG_WAIT_MS = 3_600_000;

/** Does to drivers what the steps say, and sees what becomes of it. */
export class PermitsRun {
  readonly model = new PermitsModel();
  readonly #drivers: readonly LockDriver[];
  readonly #key: string;
  readonly #permits = new Map<string, number>();
  readonly #stops = new Map<string, AbortController>();
  readonly #outcomes: Record<string, string> = {};
  #step = 0;

  /** @param drivers of several processes, which the claims are dealt out to */
  constructor(drivers: readonly LockDriver[], key: string) {
    this.#drivers = drivers;
    this.#key = key;
  }

  /** The step of the drivers is under way when it resolves; time is the caller's. */
  async act(step: PermitsStep): Promise<void> {
    // No token is the beginning of another one.
    const token = `s${(this.#step += 1)}.`;
    switch (step.call) {
      case 'wait':
      case 'try':
        this.model.claim({ ...step, token }, step.call === 'wait');
        return this.#ask(step, token);
      case 'release':
      case 'forceRelease': {
        const holder = this.model.holder(step.nth);
        this.model.end(holder);
        const ref = { key: this.#key, token: holder, permits: this.#of(holder) };
        if (step.call === 'release') await this.#by(holder).release(ref);
        else await this.#by(token).forceRelease(this.#key, { tokenPrefix: holder });
        return;
      }
      case 'stop': {
        const waiter = this.model.waiter(step.nth);
        this.model.stop(waiter);
        this.#stops.get(waiter)?.abort(new Error('stopped'));
        return;
      }
      case 'expire':
        this.model.expire();
    }
  }

  async state(): Promise<PermitsState> {
    const listed = (await this.#by('s0').list(1_000)).filter(({ key }) => key === this.#key);
    const used = listed.reduce((sum, { permits }) => sum + (permits?.take ?? OF), 0);
    if (used > OF) throw new Error(`${used} permits are out`);
    return {
      held: listed.map(({ tokenPrefix }) => tokenPrefix).toSorted(),
      queue: listed.flatMap(({ queue }) => queue.map(({ tokenPrefix }) => tokenPrefix)),
      outcomes: { ...this.#outcomes },
    };
  }

  /** Nobody waits any more, and nothing is held. */
  async end(): Promise<void> {
    for (const stop of this.#stops.values()) stop.abort(new Error('stopped'));
    for (const [token] of this.#permits) {
      await this.#by(token).release({ key: this.#key, token, permits: this.#of(token) });
    }
  }

  #ask(step: PermitsStep & { readonly take: number; readonly isShort: boolean }, token: string) {
    const stop = new AbortController();
    this.#stops.set(token, stop);
    this.#permits.set(token, step.take);
    const ttlMs = step.isShort ? TTL_MS.short : TTL_MS.long;
    const claim = { key: this.#key, token, ttlMs, owner: token, permits: this.#of(token) };
    const wait = { waitMs: LONG_WAIT_MS, signal: stop.signal };
    this.#by(token)
      .acquire(claim, step.call === 'wait' ? wait : undefined)
      .then(
        ({ outcome }) => (this.#outcomes[token] = outcome),
        (error: unknown) => (this.#outcomes[token] = String(Reflect.get(Object(error), 'message'))),
      );
  }

  #of(token: string) {
    return { take: this.#permits.get(token) ?? 1, of: OF };
  }

  #by(token: string): LockDriver {
    const nth = (Number(token.slice(1)) || 0) % this.#drivers.length;
    return this.#drivers[nth] as LockDriver;
  }
}

const claims = (isShort: fc.Arbitrary<boolean>): fc.Arbitrary<PermitsStep> =>
  fc.record({
    call: fc.constantFrom('wait', 'wait', 'wait', 'try'),
    take: fc.constantFrom(1, 1, 2, 3, OF),
    isShort,
  });

const ends: fc.Arbitrary<PermitsStep> = fc.record({
  call: fc.constantFrom('release', 'release', 'forceRelease', 'stop'),
  nth: fc.nat(5),
});

/** Gives back whatever is held at last, so that everybody who waits gets it. */
const CLEARING = Array.from({ length: 30 }, (): PermitsStep => ({ call: 'release', nth: 0 }));

const sequence = (...kinds: readonly fc.Arbitrary<PermitsStep>[]) =>
  fc.array(fc.oneof(...kinds), { maxLength: 25 });

/** Sequences in which holds come to their end, for drivers that live by a clock of ours. */
export const permitsSteps: fc.Arbitrary<readonly PermitsStep[]> = sequence(
  claims(fc.boolean()),
  ends,
  fc.constant({ call: 'expire' }),
).map((steps) => [...steps, ...CLEARING]);

/** Sequences for a server whose time nobody moves. */
export const timelessPermitsSteps: fc.Arbitrary<readonly PermitsStep[]> = sequence(
  claims(fc.constant(false)),
  ends,
);
