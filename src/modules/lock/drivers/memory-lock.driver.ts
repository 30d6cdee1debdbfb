import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockGrant,
  LockRef,
  LockRelease,
  LockWait,
  ReleaseOutcome,
  WhichHold,
} from '../lock.driver.js';
import { ExpiringMap } from './expiring-map.js';
import { checkHold, isMeant, RELEASE_KNOWN_MS, SHOWN_OF_TOKEN } from './lock-rules.js';
import { MemoryLockQueue } from './memory-lock-queue.js';
import { Standing } from './standing.js';

/** Who holds a lock; another object with every change. */
interface Hold {
  readonly token: string;
  readonly owner: string;
  /** Monotonic time. */
  readonly since: number;
  readonly standing: Standing;
}

/** Before the token of a hold that was released and stays busy for a while; as on Redis. */
const RELEASED = '-';

/** Locks in this process, by the monotonic clock. */
export class MemoryLockDriver implements LockDriver {
  readonly #clock: Clock;
  readonly #holds: ExpiringMap<Hold>;
  readonly #released: ExpiringMap<true>;
  readonly #queue: MemoryLockQueue;
  /** Of the latest grant of any key. */
  #latestFence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#holds = new ExpiringMap(clock);
    this.#released = new ExpiringMap(clock);
    this.#queue = new MemoryLockQueue({
      clock,
      grant: (claim) => (this.#holds.get(claim.key) === undefined ? this.#grant(claim) : undefined),
    });
  }

  async acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome> {
    checkHold(claim.key, claim.ttlMs);
    const remainingMs = this.#busyMs(claim);
    if (remainingMs === undefined) return { outcome: 'acquired', grant: this.#take(claim) };
    if (wait !== undefined && wait.waitMs > 0) return this.#queue.wait(claim, wait);
    return { outcome: 'busy', remainingMs };
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    for (const { key, ttlMs } of claims) checkHold(key, ttlMs);
    for (const claim of claims) {
      const remainingMs = this.#busyMs(claim);
      if (remainingMs !== undefined) return { outcome: 'busy', key: claim.key, remainingMs };
    }
    return { outcome: 'acquired', grants: claims.map((claim) => this.#take(claim)) };
  }

  async extend({ key, token }: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    checkHold(key, ttlMs);
    const hold = this.#holds.get(key);
    if (hold?.token !== token) return { outcome: 'lost' };
    return { outcome: 'extended', grant: this.#renew(key, hold, ttlMs) };
  }

  async release({ key, token, holdAtLeastMs = 0 }: LockRelease): Promise<ReleaseOutcome> {
    checkKeyText(key, 'key');
    const mark = JSON.stringify([key, token]);
    const hold = this.#holds.get(key);
    if (hold?.token !== token) {
      this.#queue.leave({ key, token });
      return this.#released.get(mark) ? 'released' : 'lost';
    }
    this.#released.set(mark, true, Math.min(this.#holds.remainingMs(key), RELEASE_KNOWN_MS));
    const keptMs = holdAtLeastMs - (this.#clock.monotonic() - hold.since);
    if (keptMs > 0) this.#holds.set(key, { ...hold, token: `${RELEASED}${token}` }, keptMs);
    else this.#free(key);
    return 'released';
  }

  async forceRelease(key: string, which: WhichHold = {}): Promise<HeldLock | undefined> {
    checkKeyText(key, 'key');
    const hold = this.#holds.get(key);
    if (hold === undefined || !isMeant(which, hold.token, hold.standing.fence)) return undefined;
    const held = this.#show(key, hold);
    this.#free(key);
    return held;
  }

  async list(limit: number): Promise<readonly HeldLock[]> {
    const held: HeldLock[] = [];
    for (const [key, hold] of this.#holds.live()) {
      if (held.length >= limit) break;
      held.push(this.#show(key, hold));
    }
    return held;
  }

  /**
   * Notes a hold that somebody else granted, so that it is busy here as well. The grant that it
   * returns is the same, but for that it also ends with `lose`.
   */
  adopt(claim: LockRef & Partial<LockClaim>, grant: LockGrant): LockGrant {
    const { key, token } = claim;
    const { remainingMs, fence, askedAt } = grant;
    this.#latestFence = Math.max(this.#latestFence, fence ?? 0);
    const known = this.#holds.get(key);
    const same = known?.token === token ? known : undefined;
    const since = same?.since ?? this.#clock.monotonic();
    const standing = same?.standing ?? new Standing(fence);
    standing.isShared = true;
    // Granted to somebody else by now, so that hold is over.
    if (same === undefined) known?.standing.end();
    const hold = { token, owner: claim.owner ?? same?.owner ?? '', since, standing };
    this.#holds.set(key, hold, remainingMs);
    return { ...standing.grant(remainingMs), askedAt };
  }

  /** The hold of a key, as long as its time is not over. */
  find(key: string): Hold | undefined {
    return this.#holds.get(key);
  }

  /** 0 where nobody holds it. */
  remainingMs(key: string): number {
    return this.#holds.remainingMs(key);
  }

  /** Whether Redis may know a hold with this token; also of one that is not here any more. */
  isShared({ key, token }: LockRef): boolean {
    const hold = this.#holds.get(key);
    return hold?.token !== token || hold.standing.isShared;
  }

  /** Those that are held. */
  *keys(): Generator<string> {
    for (const [key] of this.#holds.live()) yield key;
  }

  /**
   * Somebody else has the lock: ends the hold, if it is still there, and none of its grants stands.
   */
  lose({ key, token }: LockRef): undefined {
    const hold = this.#holds.get(key);
    if (hold?.token !== token) return;
    this.#holds.delete(key);
    hold.standing.end();
  }

  /** For how long the claim cannot have its lock; `undefined` where it can, or has it. */
  #busyMs({ key, token }: LockRef): number | undefined {
    // Whoever waits comes first, should the holder's time be over.
    this.#queue.handOver(key);
    const hold = this.#holds.get(key);
    if (hold === undefined || hold.token === token) return undefined;
    return Math.ceil(this.#holds.remainingMs(key));
  }

  #take(claim: LockClaim): LockGrant {
    const hold = this.#holds.get(claim.key);
    return hold === undefined ? this.#grant(claim) : this.#renew(claim.key, hold, claim.ttlMs);
  }

  #grant(claim: LockClaim): LockGrant {
    const { key, token, ttlMs, owner } = claim;
    const standing = new Standing(this.#nextFence(claim));
    const since = this.#clock.monotonic();
    return this.#renew(key, { token, owner, since, standing }, ttlMs);
  }

  #free(key: string): void {
    this.#holds.delete(key);
    this.#queue.handOver(key);
  }

  /** Greater than all that were given or seen here, and at least the time in µs. */
  #nextFence({ fence = 0 }: LockClaim): number | undefined {
    if (fence === 'none') return undefined;
    const micros = Math.floor(this.#clock.now() * 1_000);
    this.#latestFence = Math.max(this.#latestFence + 1, micros, fence);
    return this.#latestFence;
  }

  /** Never shorter than it is, as in `lock-renew.lua.ts`. */
  #renew(key: string, hold: Hold, ttlMs: number): LockGrant {
    const remainingMs = Math.max(this.#holds.remainingMs(key), ttlMs);
    this.#holds.set(key, { ...hold }, remainingMs);
    return hold.standing.grant(remainingMs);
  }

  #show(key: string, { token, owner, since, standing }: Hold): HeldLock {
    return {
      key,
      owner,
      tokenPrefix: token.slice(0, SHOWN_OF_TOKEN),
      heldMs: Math.floor(this.#clock.monotonic() - since),
      remainingMs: Math.ceil(this.#holds.remainingMs(key)),
      fence: standing.fence,
      queue: this.#queue.show(key),
    };
  }
}
