import type { JobLease } from '../queue.driver.js';
import { PermanentJobError } from '../queue.errors.js';
import type { BullBackend, BullJob, BullLibrary, BullWorker } from './bull-backend.js';
import { pause, settlesWithin } from './bounded.js';
import { errorCode } from './error-code.js';
import { asError, refuseExhausted } from './job-runner.js';
import { maxAttempts, toRecord } from './job-records.js';
import { workerOptions } from './worker-plan.js';
import type { QueueSettings } from '../queue.driver.js';
import { randomUUID } from 'node:crypto';

export interface ManualConsumerPlan {
  readonly bull: BullLibrary;
  readonly backend: BullBackend;
  readonly queue: string;
  readonly settings: QueueSettings;
}

/** Longest single wait, in ms; the connection's socket timeout is longer. */
const LONGEST_WAIT_MS = 5_000;

/**
 * BullMQ's error codes for a job whose lock is somebody else's, is gone, or that is gone itself.
 */
const LOST = new Set([-1, -2, -3, -6]);

/**
 * Hands out jobs one by one. One BullMQ worker without a processor a queue, shared by all callers,
 * who also share one blocking wait: it wakes all of them, and one gets the job.
 */
export class ManualConsumer {
  readonly #plan: ManualConsumerPlan;
  readonly #worker: BullWorker;
  #waiting: Promise<void> | undefined;

  constructor(plan: ManualConsumerPlan) {
    this.#plan = plan;
    const { bull, backend, queue, settings } = plan;
    const options = workerOptions(backend, 'manual', { name: queue, settings });
    this.#worker = new bull.Worker(queue, undefined, options, backend.factory);
    // Connection errors reach the callers through the operations they wait for.
    this.#worker.on('error', () => undefined);
    void this.#worker.startStalledCheckTimer();
  }

  async take(timeoutMs: number): Promise<JobLease | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const lease = await this.#next();
      if (lease !== undefined) return lease;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await this.#wait(left);
    }
  }

  async close(): Promise<void> {
    await settlesWithin(this.#worker.close(true), LONGEST_WAIT_MS);
  }

  async #next(): Promise<JobLease | undefined> {
    const token = randomUUID();
    for (;;) {
      const job = await this.#run(() => this.#worker.getNextJob(token, { block: false }));
      if (job === undefined) return undefined;
      if (await this.#isRunnable(job, token)) return this.#lease(job, token);
    }
  }

  /** Fails a job that was started too often, as a worker would. */
  async #isRunnable(job: BullJob, token: string): Promise<boolean> {
    try {
      refuseExhausted(job);
      return true;
    } catch (error) {
      await this.#fail(job, token, asError(error));
      return false;
    }
  }

  #lease(job: BullJob, token: string): JobLease {
    return {
      job: toRecord(this.#plan.queue, job, 'active'),
      complete: (result) =>
        this.#unlessLost('completed', () => job.moveToCompleted(result, token, false)),
      fail: (error) => this.#fail(job, token, error),
      release: () => this.#unlessLost('released', () => job.moveToWait(token)),
      extend: async (ms) => {
        const renewed = await this.#run(() => job.extendLock(token, ms));
        return renewed === 1 ? 'extended' : 'lost';
      },
    };
  }

  async #fail(job: BullJob, token: string, error: Error): Promise<'retrying' | 'failed' | 'lost'> {
    const isPermanent = error instanceof PermanentJobError;
    const isLast = isPermanent || job.attemptsMade + 1 >= maxAttempts(job);
    const reason = isPermanent ? new this.#plan.bull.UnrecoverableError(error.message) : error;
    return this.#unlessLost(isLast ? 'failed' : 'retrying', () =>
      job.moveToFailed(reason, token, false),
    );
  }

  async #unlessLost<T>(outcome: T, operation: () => Promise<unknown>): Promise<T | 'lost'> {
    try {
      await this.#run(operation);
      return outcome;
    } catch (error) {
      const code = errorCode(error);
      if (typeof code === 'number' && LOST.has(code)) return 'lost';
      throw error;
    }
  }

  /** A job whose taking or ending is not heard of would stand still until its lease ends. */
  #run<T>(operation: () => Promise<T>): Promise<T> {
    return this.#plan.backend.run(operation, { outsideBudget: true });
  }

  /** Resolves when there may be a job, or after the time. */
  async #wait(ms: number): Promise<void> {
    this.#waiting ??= this.#listen(Math.min(ms, LONGEST_WAIT_MS)).finally(() => {
      this.#waiting = undefined;
    });
    await pause(Math.min(ms, LONGEST_WAIT_MS), this.#waiting);
  }

  /**
   * Waits for BullMQ's marker. The one of a delayed job comes at once and says when it is due: the
   * wait goes on until then, because a job may be added before.
   */
  async #listen(ms: number): Promise<void> {
    let wakeAt = Date.now() + ms;
    for (;;) {
      const leftMs = wakeAt - Date.now();
      if (leftMs <= 0) return;
      const marker = await this.#worker.getBackend().waitForJob(Math.max(leftMs, 2) / 1_000);
      if (marker === null || marker.score <= Date.now()) return;
      wakeAt = Math.min(wakeAt, marker.score);
    }
  }
}
