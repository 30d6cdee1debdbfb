import type { Clock } from '../../../common/time/index.js';
import type {
  HeldLock,
  LockClaim,
  LockGrant,
  LockRef,
  Permits,
  WhichHold,
} from '../lock.driver.js';
import { ExpiringMap } from './expiring-map.js';
import type { MemoryFences } from './memory-fences.js';
import type { MemoryLockQueue } from './memory-lock-queue.js';
import { isMeant, otherPermits, severalFit, SHOWN_HOLDERS, SHOWN_OF_TOKEN } from './lock-rules.js';
import { PermitHolds, type PermitsHold } from './permit-holds.js';
import { Standing } from './standing.js';

/** A key as a semaphore: as long as anybody holds permits of it. */
interface Semaphore {
  readonly of: number;
  readonly holds: PermitHolds;
}

/** A plain lock is alone. */
const ALONE: Permits = { take: 1, of: 1 };

export interface MemorySemaphoresOptions {
  readonly clock: Clock;
  readonly fences: MemoryFences;
  readonly queue: MemoryLockQueue;
}

/** Who holds permits of semaphores in this process, by the monotonic clock. */
export class MemorySemaphores {
  readonly #options: MemorySemaphoresOptions;
  readonly #semaphores: ExpiringMap<Semaphore>;

  constructor(options: MemorySemaphoresOptions) {
    this.#options = options;
    this.#semaphores = new ExpiringMap(options.clock);
  }

  /** Does anybody hold permits of the key? */
  has(key: string): boolean {
    return (this.#semaphores.get(key)?.holds.live.size ?? 0) > 0;
  }

  /** Of a hold; 0 where there is none. */
  remainingMs({ key, token }: LockRef): number {
    const hold = this.#semaphores.get(key)?.holds.live.get(token);
    return hold === undefined ? 0 : hold.endsAt - this.#options.clock.monotonic();
  }

  /**
   * For how long nobody can take the permits; `undefined` where the claim can, or has them.
   *
   * @throws LockMisuseError where the key has another number of permits
   */
  busyMs(claim: LockRef, permits: Permits): number | undefined {
    const { key } = claim;
    const known = this.#semaphores.get(key)?.of ?? permits.of;
    if (known !== permits.of && this.has(key)) throw otherPermits(known);
    const mayTake = !this.#options.queue.has(key) && this.isLeft(claim);
    if (mayTake || this.remainingMs(claim) > 0) return undefined;
    let endsAt = Infinity;
    for (const [, hold] of this.#holdsOf(key)) endsAt = Math.min(endsAt, hold.endsAt);
    // Those that wait for more than is left, where nobody holds any, are served in the next steps.
    if (endsAt === Infinity) return 0;
    return Math.ceil(endsAt - this.#options.clock.monotonic());
  }

  /** Are there enough permits for the claim; or for a plain lock, does nobody hold any? */
  isLeft({ key, permits = ALONE }: LockRef): boolean {
    const used = this.#semaphores.get(key)?.holds.used ?? 0;
    return used + permits.take <= permits.of;
  }

  /** Takes permits that are left, or renews a hold that is there. */
  take(claim: LockClaim, permits: Permits): LockGrant {
    const { key, token, owner, ttlMs } = claim;
    const renewed = this.extend(claim, ttlMs);
    if (renewed !== undefined) return renewed;
    const { clock, fences } = this.#options;
    const standing = new Standing(fences.next(claim));
    const known = this.has(key) ? this.#semaphores.get(key) : undefined;
    const semaphore = known ?? { of: permits.of, holds: new PermitHolds(clock) };
    const since = clock.monotonic();
    semaphore.holds.set(token, { owner, permits, since, endsAt: since + ttlMs, standing });
    this.#keep(key, semaphore, ttlMs);
    return standing.grant(ttlMs);
  }

  /** Never shorter than it is; `undefined` where the token holds nothing. */
  extend(ref: LockRef, ttlMs: number): LockGrant | undefined {
    const semaphore = this.#semaphores.get(ref.key);
    const hold = semaphore?.holds.live.get(ref.token);
    if (semaphore === undefined || hold === undefined) return undefined;
    const remainingMs = Math.max(this.remainingMs(ref), ttlMs);
    const endsAt = this.#options.clock.monotonic() + remainingMs;
    semaphore.holds.set(ref.token, { ...hold, endsAt });
    this.#keep(ref.key, semaphore, remainingMs);
    return hold.standing.grant(remainingMs);
  }

  drop({ key, token }: LockRef): void {
    this.#semaphores.get(key)?.holds.delete(token);
  }

  /** @throws LockMisuseError where several holds fit */
  forceRelease(key: string, which: WhichHold): HeldLock | undefined {
    const fitting = this.#holdsOf(key).filter(([token, { standing }]) =>
      isMeant(which, token, standing.fence),
    );
    if (fitting.length > 1) throw severalFit(fitting.length);
    const [only] = fitting;
    if (only === undefined) return undefined;
    const { queue } = this.#options;
    const held = { ...this.#show(key, ...only), queue: queue.show(key) };
    this.drop({ key, token: only[0] });
    queue.handOver(key);
    return held;
  }

  /** Of each key at most as many as operators see. */
  *list(): Generator<HeldLock> {
    for (const [key] of this.#semaphores.live()) {
      for (const [index, one] of this.#holdsOf(key).slice(0, SHOWN_HOLDERS).entries()) {
        const queue = index === 0 ? this.#options.queue.show(key) : [];
        yield { ...this.#show(key, ...one), queue };
      }
    }
  }

  #holdsOf(key: string): readonly (readonly [token: string, hold: PermitsHold])[] {
    return [...(this.#semaphores.get(key)?.holds.live ?? [])];
  }

  /** It lasts as long as the longest of its holds. */
  #keep(key: string, semaphore: Semaphore, ttlMs: number): void {
    const known = this.#semaphores.get(key) === semaphore ? this.#semaphores.remainingMs(key) : 0;
    this.#semaphores.set(key, semaphore, Math.max(known, ttlMs));
  }

  #show(key: string, token: string, hold: PermitsHold): Omit<HeldLock, 'queue'> {
    const { owner, permits, since, standing } = hold;
    return {
      key,
      owner,
      tokenPrefix: token.slice(0, SHOWN_OF_TOKEN),
      heldMs: Math.floor(this.#options.clock.monotonic() - since),
      remainingMs: Math.ceil(this.remainingMs({ key, token })),
      fence: standing.fence,
      permits,
    };
  }
}
