import type { JobRecord } from './queue.driver.js';

/** A job in the answers for operators; times are milliseconds since the epoch. */
export interface JobBody {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: unknown;
  readonly state: JobRecord['state'];
  readonly priority: number;
  readonly max_attempts: number;
  readonly attempts_made: number;
  readonly attempts_started: number;
  readonly created_at: number;
  readonly run_at: number | undefined;
  readonly started_at: number | undefined;
  readonly finished_at: number | undefined;
  readonly failed_reason: string | undefined;
  readonly result: unknown;
}

export function jobBodyOf(job: JobRecord): JobBody {
  const { id, queue, name, payload, state, priority, result } = job;
  return {
    id,
    queue,
    name,
    payload,
    state,
    priority,
    max_attempts: job.maxAttempts,
    attempts_made: job.attemptsMade,
    attempts_started: job.attemptsStarted,
    created_at: job.createdAt,
    run_at: job.runAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    failed_reason: job.failedReason,
    result,
  };
}
