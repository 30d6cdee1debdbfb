import type { Clock } from '../../common/time/index.js';
import type { LockClaim, LockDriver, LockGrant, Permits, ReleaseOutcome } from './lock.driver.js';
import { LockBackendDownError, LockMisuseError } from './lock.errors.js';
import type { KeptHold, LockKeeper } from './lock-keeper.js';

/** What a hold works with. */
export interface LockHoldContext {
  readonly driver: LockDriver;
  readonly clock: Clock;
  readonly keeper: LockKeeper;
}

export interface HoldTerms {
  readonly ttlMs: number;
  /** It is not extended by itself beyond this time. */
  readonly maxHoldMs: number;
  /** Nor once the latest beat is longer ago than this. */
  readonly beatWithinMs: number;
  /** Its locks stay busy until it has lasted for so long. */
  readonly holdAtLeastMs: number;
}

/** A claim that was granted. */
export interface GrantedClaim {
  readonly claim: LockClaim;
  readonly grant: LockGrant;
  /** Monotonic time from before the request that granted it was sent. */
  readonly askedAt: number;
}

/** One of the locks that are held together. */
interface Part {
  readonly claim: LockClaim;
  grant: LockGrant;
  /** Monotonic time until which it may be relied on. */
  deadline: number;
}

/** Shares of the time to live that are left when a hold is extended: at last, and with others. */
const DUE_LEFT = 2 / 3;
const MAY_LEFT = 5 / 6;

/** Until an extension that got no answer is tried again: shares of the time to live, and bounds. */
const RETRY = { share: 1 / 20, leastMs: 20, mostMs: 500 };

/**
 * Locks that are held together, extended by themselves until they are released, lost, or held for
 * their longest time.
 */
export class LockHold implements KeptHold {
  readonly #context: LockHoldContext;
  readonly #terms: HoldTerms;
  readonly #parts: Part[] = [];
  readonly #lostListeners: (() => void)[] = [];
  /** Monotonic times: not extended by itself beyond the first, nor after the second. */
  #maxUntil = Infinity;
  #beatUntil = Infinity;
  #retryAt = 0;
  #isExtending = false;
  /** Handles that were not released. */
  #entries = 0;
  #state: 'held' | 'lost' | 'ended' = 'held';

  constructor(context: LockHoldContext, terms: HoldTerms) {
    this.#context = context;
    this.#terms = terms;
  }

  /** Holds one more lock; until `begin` all of them are extended without a limit. */
  add({ claim, grant, askedAt }: GrantedClaim): void {
    const since = grant.askedAt ?? askedAt;
    this.#parts.push({ claim, grant, deadline: since + grant.remainingMs });
    grant.onLost?.(this.#onLost);
    this.#context.keeper.keep(this);
  }

  /** All are there: the time for which they may be held begins. */
  begin(): void {
    const now = this.#context.clock.monotonic();
    this.#maxUntil = now + this.#terms.maxHoldMs;
    this.#beatUntil = now + this.#terms.beatWithinMs;
    this.#context.keeper.keep(this);
  }

  /** One handle more has it. */
  enter(): void {
    this.#entries += 1;
  }

  /** One handle less; it is the caller's to release it with the last. */
  leave(): void {
    this.#entries -= 1;
  }

  get isEntered(): boolean {
    return this.#entries > 0;
  }

  get keys(): readonly string[] {
    return this.#parts.map(({ claim }) => claim.key);
  }

  /** Each service has a keeper of its own. */
  isKeptBy(keeper: LockKeeper): boolean {
    return this.#context.keeper === keeper;
  }

  /** Does it hold the key in the same way, and as much of it? */
  covers(key: string, wanted: Permits | undefined): boolean {
    const held = this.#parts.find(({ claim }) => claim.key === key)?.claim.permits;
    return wanted?.of === held?.of && (wanted?.take ?? 0) <= (held?.take ?? 0);
  }

  /** How long all of it may be relied on; 0 once any is lost, or it was released. */
  get remainingMs(): number {
    if (this.#state !== 'held') return 0;
    for (const { grant } of this.#parts) if (!grant.stands()) return 0;
    return Math.max(0, this.#deadline - this.#context.clock.monotonic());
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  get dueAt(): number {
    if (this.#isExtending || !this.#mayRenew) return this.#deadline;
    const renewAt = this.#deadline - DUE_LEFT * this.#terms.ttlMs;
    return Math.min(this.#deadline, Math.max(renewAt, this.#retryAt));
  }

  get mayFrom(): number {
    const earlier = (MAY_LEFT - DUE_LEFT) * this.#terms.ttlMs;
    return this.dueAt === this.#deadline ? this.dueAt : this.dueAt - earlier;
  }

  /** @throws LockMisuseError where the lock has none, or is not held */
  fenceOf(key: string): number {
    const fence = this.#parts.find(({ claim }) => claim.key === key)?.grant.fence;
    if (fence === undefined) throw new LockMisuseError('fence', `was not asked for ("${key}")`);
    return fence;
  }

  /** Called once, when it is found to be lost; not where it was released. */
  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** It is over: nobody may rely on it again. */
  lose(): 'lost' {
    if (this.#state === 'held') {
      this.#state = 'lost';
      this.#context.keeper.forget(this);
      for (const listener of this.#lostListeners) listener();
    }
    return 'lost';
  }

  /** The holder makes progress. */
  beat(): void {
    this.#beatUntil = this.#context.clock.monotonic() + this.#terms.beatWithinMs;
    if (this.#state === 'held') this.#context.keeper.keep(this);
  }

  /** Makes all of it last at least `ttlMs` from now, or finds that it is lost. */
  async extend(ttlMs: number): Promise<'extended' | 'lost'> {
    if (this.remainingMs === 0) return this.lose();
    const { driver, clock } = this.#context;
    const askedAt = clock.monotonic();
    const asked = this.#parts.map(({ claim }) => driver.extend(claim, ttlMs));
    const answers = await Promise.all(asked);
    // Over meanwhile: somebody may have acted on that, so it must not come back.
    if (this.remainingMs === 0) return this.lose();
    for (const [index, answer] of answers.entries()) {
      const part = this.#parts[index];
      if (part === undefined || answer.outcome === 'lost') return this.lose();
      part.grant = answer.grant;
      part.grant.onLost?.(this.#onLost);
      part.deadline = Math.max(part.deadline, askedAt + answer.grant.remainingMs);
    }
    this.#context.keeper.keep(this);
    return 'extended';
  }

  /**
   * Gives all of it back; from now on nothing extends it. `'lost'` where any was lost before.
   */
  release(): Promise<ReleaseOutcome> {
    return this.#giveBack(this.#terms.holdAtLeastMs);
  }

  /** The same for one that nobody was given: all is free at once. */
  abandon(): Promise<ReleaseOutcome> {
    return this.#giveBack(0);
  }

  async #giveBack(holdAtLeastMs: number): Promise<ReleaseOutcome> {
    const stood = this.#state !== 'lost' && this.#parts.every(({ grant }) => grant.stands());
    this.#state = 'ended';
    this.#context.keeper.forget(this);
    const { driver } = this.#context;
    const answers = await Promise.all(
      this.#parts.map(({ claim: { key, token, permits } }) =>
        driver.release({ key, token, permits, holdAtLeastMs }),
      ),
    );
    return stood && answers.every((answer) => answer === 'released') ? 'released' : 'lost';
  }

  onDue(): void {
    if (this.remainingMs === 0) this.lose();
    else if (!this.#isExtending && this.#mayRenew) void this.#renew();
  }

  /** Errors are tried again as long as the hold lasts; after that it is lost. */
  async #renew(): Promise<void> {
    const { clock, keeper } = this.#context;
    const { ttlMs } = this.#terms;
    this.#isExtending = true;
    try {
      await this.extend(Math.ceil(Math.min(ttlMs, this.#maxUntil - clock.monotonic())));
    } catch (error) {
      if (!(error instanceof LockBackendDownError)) warn(error);
      const delayMs = Math.min(RETRY.mostMs, Math.max(RETRY.leastMs, RETRY.share * ttlMs));
      this.#retryAt = clock.monotonic() + delayMs;
    } finally {
      this.#isExtending = false;
      if (this.#state === 'held') keeper.keep(this);
    }
  }

  get #mayRenew(): boolean {
    return this.#deadline < this.#maxUntil && this.#context.clock.monotonic() < this.#beatUntil;
  }

  get #deadline(): number {
    let deadline = Infinity;
    for (const part of this.#parts) deadline = Math.min(deadline, part.deadline);
    return deadline;
  }

  /** The same one for every grant. */
  readonly #onLost = (): void => void this.lose();
}

/** Nobody waits for a renewal, so nobody would catch it. */
function warn(error: unknown): void {
  process.emitWarning(`A lock could not be extended: ${String(error)}`, 'BackplaneLockWarning');
}
