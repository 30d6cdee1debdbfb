import { type Offender, offenderKey, type OffenderSummary, worstOf } from './offender-summary.js';

/** An offender whose count grows. */
interface Counted extends Offender {
  blocked: number;
}

/**
 * Counts who is denied most, in bounded memory, O(1) a denial: whoever is new when there is no room
 * takes the place of the one with the smallest count, and goes on from that count, by which it may be
 * too high (Space-Saving: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", 2005). Of n denials, no count is more than n ÷ `capacity` too high, and
 * whoever had more than that is counted.
 */
export class SpaceSaving {
  readonly #capacity: number;
  readonly #counted = new Map<string, Counted>();
  /** Those of each count. */
  readonly #byCount = new Map<number, Set<Counted>>();
  /** The smallest count. */
  #least = 0;

  /** @param capacity offenders that are counted at once */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get isEmpty(): boolean {
    return this.#counted.size === 0;
  }

  add(policy: string, subject: string): void {
    const key = offenderKey({ policy, subject });
    const known = this.#counted.get(key);
    if (known !== undefined) {
      this.#leave(known);
      this.#enter(known, known.blocked + 1);
      return;
    }
    const error = this.#counted.size < this.#capacity ? 0 : this.#makeRoom();
    const counted = { policy, subject, blocked: 0, error };
    this.#counted.set(key, counted);
    if (error === 0) this.#least = 1;
    this.#enter(counted, error + 1);
  }

  /** The worst of them. @param most as many at most */
  summary(most: number): OffenderSummary {
    const isFull = this.#counted.size === this.#capacity;
    const all = [...this.#counted.values()].map((each) => ({ ...each }));
    return worstOf(all, most, isFull ? this.#least : 0);
  }

  /** Forgets one of the smallest count, which is returned. */
  #makeRoom(): number {
    const least = this.#least;
    for (const counted of this.#byCount.get(least) ?? []) {
      this.#counted.delete(offenderKey(counted));
      this.#leave(counted);
      break;
    }
    return least;
  }

  #enter(counted: Counted, blocked: number): void {
    counted.blocked = blocked;
    const others = this.#byCount.get(blocked) ?? new Set();
    this.#byCount.set(blocked, others.add(counted));
  }

  /** Whoever leaves a count, or takes the place, enters the next one: none lies between. */
  #leave(counted: Counted): void {
    const others = this.#byCount.get(counted.blocked);
    others?.delete(counted);
    if (others?.size !== 0) return;
    this.#byCount.delete(counted.blocked);
    if (this.#least === counted.blocked) this.#least += 1;
  }
}
