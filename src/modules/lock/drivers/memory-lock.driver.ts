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
import {
  checkHold,
  checkTogether,
  isMeant,
  otherKind,
  RELEASE_KNOWN_MS,
  SHOWN_OF_TOKEN,
} from './lock-rules.js';
import { MemoryLockQueue } from './memory-lock-queue.js';
import { MemoryFences } from './memory-fences.js';
import { MemorySemaphores } from './memory-semaphores.js';
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
  readonly #semaphores: MemorySemaphores;
  readonly #fences: MemoryFences;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#holds = new ExpiringMap(clock);
    this.#released = new ExpiringMap(clock);
    this.#queue = new MemoryLockQueue({
      clock,
      grant: (claim) => {
        const isLeft = !this.#holds.get(claim.key) && this.#semaphores.isLeft(claim);
        return isLeft ? this.#take(claim) : undefined;
      },
    });
    this.#fences = new MemoryFences(clock);
    this.#semaphores = new MemorySemaphores({ clock, fences: this.#fences, queue: this.#queue });
  }

  async acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome> {
    checkHold(claim.key, claim.ttlMs);
    const remainingMs = this.#busyMs(claim);
    if (remainingMs === undefined) return { outcome: 'acquired', grant: this.#take(claim) };
    if (wait !== undefined && wait.waitMs > 0) return this.#queue.wait(claim, wait);
    return { outcome: 'busy', remainingMs };
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    checkTogether(claims);
    for (const { key, ttlMs } of claims) checkHold(key, ttlMs);
    for (const claim of claims) {
      const remainingMs = this.#busyMs(claim);
      if (remainingMs !== undefined) return { outcome: 'busy', key: claim.key, remainingMs };
    }
    return { outcome: 'acquired', grants: claims.map((claim) => this.#take(claim)) };
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    const { key, token } = ref;
    checkHold(key, ttlMs);
    if (ref.permits !== undefined) {
      const grant = this.#semaphores.extend(ref, ttlMs);
      return grant === undefined ? { outcome: 'lost' } : { outcome: 'extended', grant };
    }
    const hold = this.#holds.get(key);
    if (hold?.token !== token) return { outcome: 'lost' };
    return { outcome: 'extended', grant: this.#renew(key, hold, ttlMs) };
  }

  async release(ref: LockRelease): Promise<ReleaseOutcome> {
    const { key, token, holdAtLeastMs = 0 } = ref;
    checkKeyText(key, 'key');
    const mark = JSON.stringify([key, token]);
    const restMs = this.#heldMs(ref);
    if (restMs === 0) {
      this.#queue.leave(ref);
      return this.#released.get(mark) ? 'released' : 'lost';
    }
    this.#released.set(mark, true, Math.min(restMs, RELEASE_KNOWN_MS));
    const hold = ref.permits === undefined ? this.#holds.get(key) : undefined;
    const keptMs = holdAtLeastMs - (this.#clock.monotonic() - (hold?.since ?? -Infinity));
    if (hold !== undefined && keptMs > 0) {
      this.#holds.set(key, { ...hold, token: `${RELEASED}${token}` }, keptMs);
    } else this.#free(ref);
    return 'released';
  }

  async forceRelease(key: string, which: WhichHold = {}): Promise<HeldLock | undefined> {
    checkKeyText(key, 'key');
    const hold = this.#holds.get(key);
    if (hold === undefined) return this.#semaphores.forceRelease(key, which);
    if (!isMeant(which, hold.token, hold.standing.fence)) return undefined;
    const held = this.#show(key, hold);
    this.#free({ key, token: hold.token });
    return held;
  }

  async list(limit: number): Promise<readonly HeldLock[]> {
    const held: HeldLock[] = [];
    for (const one of this.#held()) {
      if (held.push(one) >= limit) break;
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
    this.#fences.see(fence);
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

  /**
   * For how long the claim cannot have what it wants; `undefined` where it can, or has it.
   *
   * @throws LockMisuseError where the key is in use as another kind of lock
   */
  #busyMs(claim: LockClaim): number | undefined {
    const { key, token, permits } = claim;
    // Whoever waits comes first, should the holder's time be over.
    this.#queue.handOver(key);
    const hold = this.#holds.get(key);
    if (permits === undefined ? this.#semaphores.has(key) : hold !== undefined) throw otherKind();
    if (permits !== undefined) return this.#semaphores.busyMs(claim, permits);
    if (hold === undefined || hold.token === token) return undefined;
    return Math.ceil(this.#holds.remainingMs(key));
  }

  *#held(): Generator<HeldLock> {
    for (const [key, hold] of this.#holds.live()) yield this.#show(key, hold);
    yield* this.#semaphores.list();
  }

  #heldMs(ref: LockRef): number {
    const { key, token, permits } = ref;
    if (permits !== undefined) return this.#semaphores.remainingMs(ref);
    return this.#holds.get(key)?.token === token ? this.#holds.remainingMs(key) : 0;
  }

  #take(claim: LockClaim): LockGrant {
    const { permits } = claim;
    if (permits !== undefined) return this.#semaphores.take(claim, permits);
    const hold = this.#holds.get(claim.key);
    return hold === undefined ? this.#grant(claim) : this.#renew(claim.key, hold, claim.ttlMs);
  }

  #grant(claim: LockClaim): LockGrant {
    const { key, token, ttlMs, owner } = claim;
    const standing = new Standing(this.#fences.next(claim));
    const since = this.#clock.monotonic();
    return this.#renew(key, { token, owner, since, standing }, ttlMs);
  }

  #free(ref: LockRef): void {
    const { key, permits } = ref;
    if (permits === undefined) this.#holds.delete(key);
    else this.#semaphores.drop(ref);
    this.#queue.handOver(key);
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
