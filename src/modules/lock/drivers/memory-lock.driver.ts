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
import { checkHold, RELEASE_KNOWN_MS, SHOWN_OF_TOKEN } from './lock-rules.js';

interface Hold {
  readonly token: string;
  readonly owner: string;
  readonly since: number;
  /** Granted by somebody else, who stands for it; only noted here. */
  readonly isAdopted: boolean;
}

/** Locks in this process, by the monotonic clock. */
export class MemoryLockDriver implements LockDriver {
  readonly #clock: Clock;
  readonly #holds: ExpiringMap<Hold>;
  readonly #released: ExpiringMap<true>;
  /** Grants of an earlier epoch do not stand any more. */
  #epoch = 0;

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
    const taken = { token, owner, since: this.#clock.monotonic(), isAdopted: false };
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
   * Notes a hold that somebody else granted, so that it is busy here as well. Revoking does not
   * concern it; extending it here makes it a hold of this driver.
   */
  adopt({ key, token }: LockRef, { remainingMs }: LockGrant, owner?: string): void {
    const known = this.#holds.get(key);
    const same = known?.token === token ? known : undefined;
    const since = same?.since ?? this.#clock.monotonic();
    const hold = { token, owner: owner ?? same?.owner ?? '', since, isAdopted: true };
    this.#holds.set(key, hold, remainingMs);
  }

  /** Ends every hold that was granted or extended here: none of them stands from now on. */
  revoke(): void {
    this.#epoch += 1;
    for (const [key, { isAdopted }] of this.#holds.live()) {
      if (!isAdopted) this.#holds.delete(key);
    }
  }

  /** Never shorter than it is, as in `lock-renew.lua.ts`. */
  #renew(key: string, hold: Hold, ttlMs: number): LockGrant {
    const remainingMs = Math.max(this.#holds.remainingMs(key), ttlMs);
    this.#holds.set(key, { ...hold, isAdopted: false }, remainingMs);
    const epoch = this.#epoch;
    return { remainingMs, stands: () => epoch === this.#epoch };
  }

  #show(key: string, { token, owner, since }: Hold): HeldLock {
    return {
      key,
      owner,
      tokenPrefix: token.slice(0, SHOWN_OF_TOKEN),
      heldMs: Math.floor(this.#clock.monotonic() - since),
      remainingMs: Math.ceil(this.#holds.remainingMs(key)),
    };
  }
}
