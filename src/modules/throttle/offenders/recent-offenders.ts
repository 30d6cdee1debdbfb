import type { Clock } from '../../../common/time/index.js';
import { mergeSummaries, type OffenderSummary } from './offender-summary.js';
import { SpaceSaving } from './space-saving.js';

/** Denials are remembered for one such time at least, and for two at most. */
export const PERIOD_MS = 300_000;

/** Offenders that are counted at once in each period. */
const CAPACITY = 1_000;

/** Who was denied most in this process lately: one sketch of this period, and that of the last. */
export class RecentOffenders {
  readonly #clock: Clock;
  #current = new SpaceSaving(CAPACITY);
  #previous = new SpaceSaving(CAPACITY);
  #since: number;
  #version = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Grows whenever the summary changes. */
  get version(): number {
    this.#rotate();
    return this.#version;
  }

  add(policy: string, subject: string): void {
    this.#rotate();
    this.#current.add(policy, subject);
    this.#version += 1;
  }

  summary(most: number): OffenderSummary {
    this.#rotate();
    const both = [this.#current, this.#previous].map((each) => each.summary(CAPACITY));
    return mergeSummaries(both, most);
  }

  #rotate(): void {
    const periods = Math.floor((this.#clock.monotonic() - this.#since) / PERIOD_MS);
    if (periods === 0) return;
    this.#since += periods * PERIOD_MS;
    if (!this.#current.isEmpty || !this.#previous.isEmpty) this.#version += 1;
    this.#previous = periods === 1 ? this.#current : new SpaceSaving(CAPACITY);
    this.#current = new SpaceSaving(CAPACITY);
  }
}
