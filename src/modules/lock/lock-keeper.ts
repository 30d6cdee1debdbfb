import { runOutsideRequests } from '../../common/context/index.js';
import type { Clock } from '../../common/time/index.js';

/** A hold as its keeper sees it. */
export interface KeptHold {
  /** Monotonic time at which something has to be done about it. */
  readonly dueAt: number;
  /** From when on it may be done as well, together with others. */
  readonly mayFrom: number;
  /** Extends it, or finds that it is over. Plans `dueAt` anew, and never throws. */
  onDue(): void;
}

/** What a timer can do at most. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Looks after all holds of a process with one timer: those that are to be extended are at the same
 * time, so that the driver can send them in one call. The timer does not keep the process alive.
 */
export class LockKeeper {
  readonly #clock: Clock;
  readonly #holds = new Set<KeptHold>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on, or again after its `dueAt` has changed. */
  keep(hold: KeptHold): void {
    this.#holds.add(hold);
    this.#wakeAt(hold.dueAt);
  }

  /** Nothing is done about it any more. */
  forget(hold: KeptHold): void {
    this.#holds.delete(hold);
  }

  /** For good: holds end with their time. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** A timer that is early finds nothing due, and is set anew: that is cheaper than to move it. */
  #wakeAt(time: number): void {
    if (this.#isStopped || time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    const inMs = Math.ceil(Math.max(0, time - this.#clock.monotonic()));
    runOutsideRequests(() => {
      this.#timer = setTimeout(this.#wake, Math.min(inMs, LONGEST_TIMER_MS)).unref();
    });
  }

  readonly #wake = (): void => {
    this.#timerAt = Infinity;
    const now = this.#clock.monotonic();
    const holds = [...this.#holds];
    if (holds.some(({ dueAt }) => dueAt <= now)) {
      for (const hold of holds) if (hold.mayFrom <= now) hold.onDue();
    }
    let next = Infinity;
    for (const { dueAt } of this.#holds) next = Math.min(next, dueAt);
    if (next < Infinity) this.#wakeAt(next);
  };
}
