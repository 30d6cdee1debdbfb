import fc from 'fast-check';
import type { HeldLock, LockDriver } from '../../../src/modules/lock/index.js';

/** What happens around locks; a token is the place of its step in the sequence. */
export type QueueStep =
  | {
      readonly call: 'wait' | 'wait briefly' | 'try';
      readonly key: string;
      /** Its hold ends with the next `expire`. */
      readonly isShort: boolean;
    }
  /** By whoever holds it. */
  | { readonly call: 'release' | 'forceRelease'; readonly key: string }
  /** One of those who wait is told to stop. */
  | { readonly call: 'stop'; readonly nth: number }
  | { readonly call: 'expire' };

/** Who holds what, who waits for it, in order, and what became of all others. */
export interface QueueState {
  readonly held: Readonly<Record<string, { readonly token: string; readonly queue: string[] }>>;
  readonly outcomes: Readonly<Record<string, string>>;
}

interface Claim {
  readonly key: string;
  readonly token: string;
  readonly isShort: boolean;
}

/** What the contract means: a lock that is held is given to whoever came first, and to nobody else. */
class QueueModel {
  readonly #holds = new Map<string, Claim>();
  /** Of all locks, in the order of arrival. */
  #waiting: Claim[] = [];
  readonly #outcomes: Record<string, string> = {};

  get state(): QueueState {
    const held = [...this.#holds].map(([key, { token }]) => [key, { token, queue: this.#of(key) }]);
    return { held: Object.fromEntries(held), outcomes: { ...this.#outcomes } };
  }

  holderOf(key: string): string {
    return this.#holds.get(key)?.token ?? 'nobody';
  }

  waiter(nth: number): string {
    return this.#waiting[nth % Math.max(1, this.#waiting.length)]?.token ?? 'nobody';
  }

  apply(step: QueueStep, token: string): void {
    switch (step.call) {
      case 'wait':
      case 'wait briefly':
      case 'try':
        return this.#claim({ ...step, token }, step.call === 'wait');
      case 'release':
      case 'forceRelease':
        return this.#next(step.key);
      case 'stop':
        return this.#stop(this.waiter(step.nth));
      case 'expire':
        // A copy: whoever is given a lock now holds it until the next time.
        for (const { key, isShort } of Array.from(this.#holds.values())) {
          if (isShort) this.#next(key);
        }
    }
  }

  #claim(claim: Claim, isPatient: boolean): void {
    if (!this.#holds.has(claim.key)) this.#grant(claim);
    else if (isPatient) this.#waiting.push(claim);
    else this.#outcomes[claim.token] = 'busy';
  }

  #grant(claim: Claim): void {
    this.#holds.set(claim.key, claim);
    this.#outcomes[claim.token] = 'acquired';
  }

  #next(key: string): void {
    this.#holds.delete(key);
    const next = this.#waiting.find((one) => one.key === key);
    this.#waiting = this.#waiting.filter((one) => one !== next);
    if (next !== undefined) this.#grant(next);
  }

  #stop(token: string): void {
    if (token !== 'nobody') this.#outcomes[token] = 'stopped';
    this.#waiting = this.#waiting.filter((one) => one.token !== token);
  }

  #of(key: string): string[] {
    return this.#waiting.filter((one) => one.key === key).map(({ token }) => token);
  }
}

const TTL_MS = { short: 1_000, long: 3_600_000_000 };
const LONG_WAIT_MS = 3_600_000;

/** Above a short hold. */
export const EXPIRE_MS = 1_001;

/** Does to drivers what the steps say, and sees what becomes of it. */
export class QueueRun {
  readonly model = new QueueModel();
  readonly #drivers: readonly LockDriver[];
  /** Locks of its own. */
  readonly #suffix: string;
  readonly #stops = new Map<string, AbortController>();
  readonly #outcomes: Record<string, string> = {};
  #step = 0;

  /** @param drivers of several processes, which the claims are dealt out to */
  constructor(drivers: readonly LockDriver[], suffix = '') {
    this.#drivers = drivers;
    this.#suffix = suffix;
  }

  /** The step of the drivers is under way when it resolves; time is the caller's. */
  async act(step: QueueStep): Promise<void> {
    const token = `s${(this.#step += 1)}`;
    const holder = 'key' in step ? this.model.holderOf(step.key) : 'nobody';
    const stopped = step.call === 'stop' ? this.model.waiter(step.nth) : 'nobody';
    this.model.apply(step, token);
    switch (step.call) {
      case 'wait':
      case 'wait briefly':
      case 'try':
        return this.#ask(step, token);
      case 'release':
        await this.#of(holder).release({ key: this.#key(step.key), token: holder });
        return;
      case 'forceRelease':
        await this.#of(token).forceRelease(this.#key(step.key));
        return;
      case 'stop':
        this.#stops.get(stopped)?.abort(new Error('stopped'));
        return;
      case 'expire':
    }
  }

  async state(): Promise<QueueState> {
    const listed = (await this.#of('s0').list(1_000)).filter(({ key }) => this.#isOurs(key));
    const held = listed.map((lock) => [lock.key.split('#')[0], shown(lock)] as const);
    return { held: Object.fromEntries(held), outcomes: { ...this.#outcomes } };
  }

  /** Nobody waits any more, and nothing is held. */
  async end(): Promise<void> {
    for (const stop of this.#stops.values()) stop.abort(new Error('stopped'));
    for (const key of ['a', 'b']) await this.#of('s0').forceRelease(this.#key(key));
  }

  #ask(step: QueueStep & { readonly key: string; readonly isShort: boolean }, token: string): void {
    const stop = new AbortController();
    this.#stops.set(token, stop);
    const ttlMs = step.isShort ? TTL_MS.short : TTL_MS.long;
    const claim = { key: this.#key(step.key), token, ttlMs, owner: token };
    const waitMs = step.call === 'wait' ? LONG_WAIT_MS : 1;
    const wait = step.call === 'try' ? undefined : { waitMs, signal: stop.signal };
    this.#of(token)
      .acquire(claim, wait)
      .then(
        ({ outcome }) => (this.#outcomes[token] = outcome),
        (error: unknown) => (this.#outcomes[token] = String(Reflect.get(Object(error), 'message'))),
      );
  }

  #of(token: string): LockDriver {
    const nth = (Number(token.slice(1)) || 0) % this.#drivers.length;
    return this.#drivers[nth] as LockDriver;
  }

  #key(key: string): string {
    return `${key}#${this.#suffix}`;
  }

  #isOurs(key: string): boolean {
    return key.endsWith(`#${this.#suffix}`);
  }
}

function shown({ tokenPrefix, queue }: HeldLock) {
  return { token: tokenPrefix, queue: queue.map((one) => one.tokenPrefix) };
}

/** Few, so that callers meet. */
const key = fc.constantFrom('a', 'b');

const claims = (isShort: fc.Arbitrary<boolean>): fc.Arbitrary<QueueStep> =>
  fc.record({ call: fc.constantFrom('wait', 'wait', 'wait', 'wait briefly', 'try'), key, isShort });

const ends: fc.Arbitrary<QueueStep> = fc.oneof(
  fc.record({ call: fc.constantFrom('release', 'release', 'release', 'forceRelease'), key }),
  fc.record({ call: fc.constant('stop' as const), nth: fc.nat(5) }),
);

/** Gives back whatever is held at last, so that everybody who waits gets it. */
const CLEARING = Array.from({ length: 30 }, (_, index): QueueStep => ({
  call: 'release',
  key: index % 2 === 0 ? 'a' : 'b',
}));

const sequence = (...kinds: readonly fc.Arbitrary<QueueStep>[]) =>
  fc.array(fc.oneof(...kinds), { maxLength: 25 });

/** Sequences in which holds come to their end, for drivers that live by a clock of ours. */
export const queueSteps: fc.Arbitrary<readonly QueueStep[]> = sequence(
  claims(fc.boolean()),
  ends,
  fc.constant({ call: 'expire' }),
).map((steps) => [...steps, ...CLEARING]);

/** Sequences for a server whose time nobody moves. */
export const timelessQueueSteps: fc.Arbitrary<readonly QueueStep[]> = sequence(
  claims(fc.constant(false)),
  ends,
);
