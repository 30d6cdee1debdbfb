import type { Backing } from '../../common/status/index.js';

/**
 * `waiting`: to be run as soon as a worker is free. `failed`: for good, there is no attempt left.
 */
export type JobState = 'waiting' | 'active' | 'delayed' | 'completed' | 'failed';

export const JOB_STATES: readonly JobState[] = [
  'waiting',
  'active',
  'delayed',
  'completed',
  'failed',
];

export type JobCounts = Readonly<Record<JobState, number>>;

/** Waits between the attempts of one job. */
export interface JobBackoff {
  readonly type: 'fixed' | 'exponential';
  /** Before the second attempt. */
  readonly delayMs: number;
  /** The wait never grows beyond it. */
  readonly maxDelayMs: number;
  /** Share of the wait, 0 to 1, that is random. */
  readonly jitter: number;
}

/** Finished jobs that are kept: the newest `count`, none older than `ageMs`. */
export interface JobRetention {
  readonly count: number;
  readonly ageMs: number;
}

/** How one queue works, validated. */
export interface QueueSettings {
  readonly attempts: number;
  readonly backoff: JobBackoff;
  readonly completed: JobRetention;
  readonly failed: JobRetention;
  /** A job whose holder gave no sign for so long is given to another. */
  readonly leaseMs: number;
  /** How often jobs without a living holder are looked for. */
  readonly stalledIntervalMs: number;
}

/** A job to be stored, complete and validated. */
export interface NewJob {
  readonly id: string;
  /** The caller chose the id, so that there may be a job with it. @default false */
  readonly isIdGiven?: boolean;
  readonly name: string;
  /** Plain JSON. */
  readonly payload: unknown;
  /** 1 = first. */
  readonly priority: number;
  readonly delayMs: number;
  /** Milliseconds since the epoch at which it was accepted; the delay counts from there. */
  readonly acceptedAt: number;
  readonly attempts: number;
  readonly backoff: JobBackoff;
  readonly deduplicationId?: string | undefined;
}

export interface AddedJob {
  /** Of the job that will run: for a duplicate, of the one that is there already. */
  readonly id: string;
  /**
   * `duplicate`: not stored, because there is a job with this id, or one with this deduplication id
   * that has not finished. `buffered`: kept in this process until the backend is back; it may turn
   * out to be a duplicate then.
   */
  readonly status: 'queued' | 'duplicate' | 'buffered';
}

/** A job as it is stored. Times are milliseconds since the epoch. */
export interface JobRecord {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: unknown;
  readonly state: JobState;
  readonly priority: number;
  readonly maxAttempts: number;
  /** Attempts that ended, by success or failure. */
  readonly attemptsMade: number;
  /** Attempts that began; more than ended where a worker died. */
  readonly attemptsStarted: number;
  readonly createdAt: number;
  /** When a delayed job is due. */
  readonly runAt?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly failedReason?: string;
  readonly result?: unknown;
}

/** Jobs of a state, newest finished first, next to run first. */
export interface JobRange {
  readonly offset: number;
  readonly limit: number;
}

export interface CleanRequest {
  readonly state: Exclude<JobState, 'active'>;
  /** Only jobs that are at least so old. */
  readonly olderThanMs: number;
  readonly limit: number;
}

/**
 * A job taken by hand. Nobody else gets it before the lease ends; then it counts as abandoned and
 * is run again, so complete, fail or extend it in time. The answer `'lost'` says that it is too
 * late.
 */
export interface JobLease {
  readonly job: JobRecord;
  /** Ends the job with success. */
  complete(result?: unknown): Promise<'completed' | 'lost'>;
  /** Ends this attempt: there is another after the back-off, unless none is left. */
  fail(error: Error): Promise<'retrying' | 'failed' | 'lost'>;
  /**
   * Gives the job back, to run next of its priority. It was started, which counts, but did not
   * fail.
   */
  release(): Promise<'released' | 'lost'>;
  /** The lease ends so many milliseconds from now. */
  extend(ms: number): Promise<'extended' | 'lost'>;
}

/** What a handler is told about the job it runs. */
export interface RunningJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: unknown;
  /** 1 for the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Aborted when the job is not ours any more: the lease was lost, or the process ends. */
  readonly signal: AbortSignal;
}

/** @throws PermanentJobError to fail the job for good; any other error costs one attempt */
export type JobHandler = (job: RunningJob) => Promise<unknown>;

/** A running consumer of one queue. */
export interface QueueConsumer {
  /** Jobs being run by it now. */
  readonly active: number;
  /** Time since it last gave a sign of life. */
  readonly silentMs: number;
  /**
   * Takes no more jobs and waits for the running ones, no longer than `drainMs`; those that do not
   * end are abandoned and run again elsewhere. Resolves to whether all ended.
   */
  close(drainMs: number): Promise<boolean>;
}

/** Injection token and contract of what keeps the jobs. */
export const QueueDriver = Symbol('QueueDriver');

/**
 * Keeps jobs and gives each to one worker at a time, at least once.
 *
 * Every method is atomic towards all others on the same job, and rejects with
 * `QueueBackendDownError` within the configured deadline when the backend is away, unless it says
 * otherwise. A lost reply means unknown. Queues do not block each other.
 */
export interface QueueDriver {
  /** What answers now. */
  readonly backing: Backing;
  /** `false` while jobs cannot be accepted. */
  readonly isServing: boolean;
  /** `false` before the first use, for backends that start then. */
  readonly isStarted: boolean;

  /**
   * Stores a job. One with an id that is there already is not added again; one with a deduplication
   * id whose job has not finished yet is a duplicate. Of several callers at once with the same id
   * one is told `queued`, where they say that it was given; ids of our own are never told as
   * duplicates.
   *
   * @throws QueueBufferFullError where the policy is `buffer`
   */
  add(queue: string, job: NewJob): Promise<AddedJob>;
  /**
   * Stores several jobs, each as `add` does, so that they run in their order; whatever a request
   * has left of its budget. When it rejects, any of them may be stored: store them again, under the
   * same ids.
   */
  addAll(queue: string, jobs: readonly NewJob[]): Promise<void>;
  counts(queue: string): Promise<JobCounts>;
  isPaused(queue: string): Promise<boolean>;
  /** Nothing is handed out any more; running jobs go on. Holds for all processes. */
  pause(queue: string): Promise<void>;
  resume(queue: string): Promise<void>;
  /** `undefined` when there is none. */
  find(queue: string, id: string): Promise<JobRecord | undefined>;
  list(queue: string, state: JobState, range: JobRange): Promise<readonly JobRecord[]>;
  /** A job that runs is not removed. */
  remove(queue: string, id: string): Promise<'removed' | 'absent' | 'active'>;
  /** Runs a failed job again, with all its attempts. */
  retry(queue: string, id: string): Promise<'retried' | 'absent' | 'not-failed'>;
  /** Resolves to how many were removed. */
  clean(queue: string, request: CleanRequest): Promise<number>;
  /**
   * Leases the next job: the one with the lowest priority number, among those the oldest. Waits up
   * to `timeoutMs` for one (0 = not at all); `undefined` when none came.
   */
  take(queue: string, timeoutMs: number): Promise<JobLease | undefined>;
  /** Runs jobs until it is closed. Survives outages of the backend. */
  consume(queue: string, handler: JobHandler, concurrency: number): Promise<QueueConsumer>;
  /**
   * Closes all consumers, each as its `close` does. Resolves to whether all jobs ended. Everything
   * else still works.
   */
  drain(drainMs: number): Promise<boolean>;
  /** Ends the connections that are the driver's. */
  close(): Promise<void>;
}
