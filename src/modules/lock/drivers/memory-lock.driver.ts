import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockGrant,
  LockRef,
  ReleaseOutcome,
} from '../lock.driver.js';
import { ExpiringMap } from './expiring-map.js';
import { Standing } from './standing.js';
import { checkHold, RELEASE_KNOWN_MS, SHOWN_OF_TOKEN } from './lock-rules.js';

/** Who holds a lock; another object with every change. */
interface Hold {
  readonly token: string;
  readonly owner: string;
  /** Monotonic time. */
  readonly since: number;
  readonly standing: Standing;
}

/** Locks in this process, by the monotonic clock. */
export class MemoryLockDriver implements LockDriver {
  readonly #clock: Clock;
  readonly #holds: ExpiringMap<Hold>;
  readonly #released: ExpiringMap<true>;
  /** Of the latest grant of any key. */
  #latestFence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#holds = new ExpiringMap(clock);
    this.#released = new ExpiringMap(clock);
  }

  async acquire(claim: LockClaim): Promise<AcquireOutcome> {
    const { key, token, ttlMs, owner } = claim;
    checkHold(key, ttlMs);
    const hold = this.#holds.get(key);
    if (hold?.token === token) {
      return { outcome: 'acquired', grant: this.#renew(key, hold, ttlMs) };
    }
    if (hold !== undefined) {
      return { outcome: 'busy', remainingMs: Math.ceil(this.#holds.remainingMs(key)) };
    }
    const standing = new Standing(this.#nextFence(claim));
    const taken = { token, owner, since: this.#clock.monotonic(), standing };
    return { outcome: 'acquired', grant: this.#renew(key, taken, ttlMs) };
  }

  async extend({ key, token }: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    checkHold(key, ttlMs);
    const hold = this.#holds.get(key);
    if (hold?.token !== token) return { outcome: 'lost' };
    return { outcome: 'extended', grant: this.#renew(key, hold, ttlMs) };
  }

  async release({ key, token }: LockRef): Promise<ReleaseOutcome> {
    checkKeyText(key, 'key');
    const mark = JSON.stringify([key, token]);
    if (this.#holds.get(key)?.token !== token) {
      return this.#released.get(mark) ? 'released' : 'lost';
    }
    this.#released.set(mark, true, Math.min(this.#holds.remainingMs(key), RELEASE_KNOWN_MS));
    this.#holds.delete(key);
    return 'released';
  }

  async forceRelease(key: string): Promise<HeldLock | undefined> {
    checkKeyText(key, 'key');
    const hold = this.#holds.get(key);
    if (hold === undefined) return undefined;
    const held = this.#show(key, hold);
    this.#holds.delete(key);
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
  adopt({ key, token }: LockRef, { remainingMs, fence }: LockGrant, owner?: string): LockGrant {
    this.#latestFence = Math.max(this.#latestFence, fence ?? 0);
    const known = this.#holds.get(key);
    const same = known?.token === token ? known : undefined;
    const since = same?.since ?? this.#clock.monotonic();
    const standing = same?.standing ?? new Standing(fence);
    standing.isShared = true;
    this.#holds.set(
      key,
      { token, owner: owner ?? same?.owner ?? '', since, standing },
      remainingMs,
    );
    return standing.grant(remainingMs);
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
    };
  }
}
