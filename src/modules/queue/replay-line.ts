import type { NewJob } from './queue.driver.js';
import { QueueBackendDownError } from './queue.errors.js';

export interface ReplayLinePlan {
  /** Stores jobs in their order; see `QueueDriver.addAll`. */
  readonly store: (jobs: readonly NewJob[]) => Promise<void>;
  /** `false` while trying would be pointless. */
  readonly isServing: () => boolean;
  /** So many jobs were stored without a pause. */
  readonly replayed: (count: number) => void;
  /** A job can never be stored, and is dropped. */
  readonly lost: (error: unknown) => void;
  /** Time between two attempts while the backend is away. */
  readonly retryMs: number;
}

/**
 * Jobs that are stored with one call; as many as an answer within the deadline can be expected for.
 */
const LARGEST_BATCH = 100;

/**
 * Accepted jobs of one queue that wait for the backend. They are stored in their order, in batches;
 * a batch that got no answer is sent again, under the same ids, and with half as many jobs, because
 * it may have been too large for the deadline.
 */
export class ReplayLine {
  readonly #plan: ReplayLinePlan;
  readonly #waiting: NewJob[] = [];
  #batchSize = LARGEST_BATCH;
  #underWay = 0;
  #stored = 0;
  #flight: Promise<boolean> | undefined;
  #replaying: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(plan: ReplayLinePlan) {
    this.#plan = plan;
  }

  /** Jobs that are not known to be stored. */
  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  /** There are jobs that were not sent yet, so that a new one has to wait behind them. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The batch under way, if any: settles when its answer is there. Never rejects. */
  get flight(): Promise<unknown> | undefined {
    return this.#flight;
  }

  push(job: NewJob): void {
    this.#waiting.push(job);
    if (this.#replaying === undefined) this.#schedule();
  }

  /** Ends by itself when all are stored, or the backend is away. Never rejects. */
  replay(): Promise<void> {
    this.#unschedule();
    this.#replaying ??= this.#storeAll().finally(() => {
      this.#replaying = undefined;
      if (this.isWaiting) this.#schedule();
    });
    return this.#replaying;
  }

  /** From now on `replay` is called by others only. */
  stop(): void {
    this.#isStopped = true;
    this.#unschedule();
  }

  /** What is set stays set: jobs that keep coming must not put it off. */
  #schedule(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.replay(), this.#plan.retryMs).unref();
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #storeAll(): Promise<void> {
    this.#stored = 0;
    let isAnswered = true;
    while (isAnswered && this.isWaiting && this.#plan.isServing()) {
      this.#flight = this.#send(this.#waiting.splice(0, this.#batchSize));
      isAnswered = await this.#flight;
      this.#flight = undefined;
    }
    if (this.#stored > 0) this.#plan.replayed(this.#stored);
  }

  /**
   * Resolves to whether the backend answered. What has to be sent again is waiting in front then.
   */
  async #send(batch: readonly NewJob[]): Promise<boolean> {
    this.#underWay = batch.length;
    try {
      await this.#plan.store(batch);
      this.#stored += batch.length;
      this.#batchSize = Math.min(LARGEST_BATCH, this.#batchSize * 2);
      return true;
    } catch (error) {
      return this.#failed(batch, error);
    } finally {
      this.#underWay = 0;
    }
  }

  #failed(batch: readonly NewJob[], error: unknown): boolean {
    const isAway = error instanceof QueueBackendDownError;
    if (!isAway && batch.length === 1) {
      this.#plan.lost(error);
      return true;
    }
    this.#waiting.unshift(...batch);
    // One of them is refused: sent one by one, it is the only one that is dropped.
    this.#batchSize = isAway ? Math.max(1, Math.floor(batch.length / 2)) : 1;
    return !isAway;
  }
}
