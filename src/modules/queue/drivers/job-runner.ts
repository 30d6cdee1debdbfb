import type { EventStream } from '../../../common/events/index.js';
import type { JobHandler, RunningJob } from '../queue.driver.js';
import { JobAttemptsExhaustedError, PermanentJobError } from '../queue.errors.js';
import type { BullJob, BullLibrary } from './bull-backend.js';
import { maxAttempts } from './job-records.js';
import '../queue.events.js';

export interface JobRunnerPlan {
  readonly bull: BullLibrary;
  readonly queue: string;
  readonly handler: JobHandler;
  readonly events: EventStream;
}

/** Runs one job after the other through the handler, the way BullMQ wants it. */
export class JobRunner {
  readonly #plan: JobRunnerPlan;
  #active = 0;

  constructor(plan: JobRunnerPlan) {
    this.#plan = plan;
  }

  /** Jobs being run now. */
  get active(): number {
    return this.#active;
  }

  async run(job: BullJob, signal: AbortSignal | undefined): Promise<unknown> {
    const { bull, handler } = this.#plan;
    this.#active += 1;
    const startedAt = performance.now();
    try {
      refuseExhausted(job);
      const result = await handler(this.#describe(job, signal));
      const durationMs = Math.round(performance.now() - startedAt);
      this.#plan.events.emit('queue.completed', { ...this.#identify(job), durationMs });
      return result;
    } catch (error) {
      this.#reportFailure(job, error);
      if (!(error instanceof PermanentJobError)) throw asError(error);
      const permanent = new bull.UnrecoverableError(error.message);
      if (error.stack !== undefined) permanent.stack = error.stack;
      throw permanent;
    } finally {
      this.#active -= 1;
    }
  }

  #describe(job: BullJob, signal = new AbortController().signal): RunningJob {
    return {
      ...this.#identify(job),
      payload: job.data,
      attempt: job.attemptsStarted,
      maxAttempts: maxAttempts(job),
      signal,
    };
  }

  #identify(job: BullJob) {
    return { id: String(job.id), queue: this.#plan.queue, name: job.name };
  }

  #reportFailure(job: BullJob, error: unknown): void {
    this.#plan.events.emit('queue.failed', {
      ...this.#identify(job),
      attempt: job.attemptsStarted,
      isFinal: error instanceof PermanentJobError || job.attemptsMade + 1 >= maxAttempts(job),
      reason: asError(error).message,
    });
  }
}

/**
 * BullMQ does not count an attempt whose worker died, so a job that kills its worker would come
 * back for ever.
 *
 * @throws JobAttemptsExhaustedError
 */
export function refuseExhausted(job: BullJob): void {
  const allowed = maxAttempts(job);
  if (job.attemptsStarted > allowed) throw new JobAttemptsExhaustedError(allowed);
}

/** BullMQ reads `message` and `stack`; a handler may throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
