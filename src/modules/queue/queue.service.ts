import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { EventStream } from '../../common/events/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { CLOCK, type Clock, type Duration, parseDuration } from '../../common/time/index.js';
import { JobIntake } from './job-intake.js';
import { type EnqueueOptions, resolveJob } from './job-options.js';
import { QueueCatalog } from './queue-catalog.js';
import {
  type AddedJob,
  JOB_STATES,
  type JobCounts,
  type JobLease,
  type JobRecord,
  type JobState,
  QueueDriver,
} from './queue.driver.js';
import type { JobName, JobPayload } from './queue.registry.js';
import './queue.events.js';

export interface DequeueOptions {
  /** Longest wait for a job; 0 = take one that is there, or none. @default 0 */
  readonly timeoutMs?: number;
}

export interface ListOptions {
  /** @default 0 */
  readonly offset?: number;
  /** At most 1000. @default 100 */
  readonly limit?: number;
}

export interface CleanOptions {
  /** @default 'completed' */
  readonly state?: Exclude<JobState, 'active'>;
  /** Only jobs that are at least so old. @default any */
  readonly olderThan?: Duration;
  /** At most 10000. @default 1000 */
  readonly limit?: number;
}

/** How a queue is. */
export interface QueueStatus {
  readonly name: string;
  readonly counts: JobCounts;
  readonly paused: boolean;
}

const range = z.strictObject({
  offset: z.int().min(0, 'must not be negative').max(1_000_000).default(0),
  limit: positiveInteger().max(1_000, 'must be at most 1000').default(100),
});

const jobState = z.enum(JOB_STATES);

const cleaning = z.strictObject({
  state: z.enum(['completed', 'failed', 'delayed', 'waiting']).default('completed'),
  limit: positiveInteger().max(10_000, 'must be at most 10000').default(1_000),
});

const waiting = z.strictObject({
  timeoutMs: z.number().min(0, 'must not be negative').max(3_600_000).default(0),
});

/**
 * Jobs that run later, elsewhere, at least once.
 *
 * Every method rejects with `QueueUnknownError` for a queue that was not declared, and with
 * `QueueBackendDownError` within the configured deadline while the backend is away.
 *
 * @example
 * await queues.enqueue('emails', 'otp', { to, code }, { priority: 'critical' });
 */
@Injectable()
export class QueueService {
  constructor(
    @Inject(QueueDriver) private readonly driver: QueueDriver,
    @Inject(JobIntake) private readonly intake: JobIntake,
    @Inject(QueueCatalog) private readonly catalog: QueueCatalog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(EventStream) private readonly events: EventStream,
  ) {}

  /**
   * Stores a job. With the policy `buffer` it may be accepted into memory while the backend is
   * away; `status` tells.
   *
   * @throws InvalidOptionError for a wrong option, or a payload that is not JSON or too large
   * @throws QueueBufferFullError
   */
  async enqueue<Q extends string, N extends JobName<Q>>(
    queue: Q,
    name: N,
    payload: JobPayload<Q, N>,
    options: EnqueueOptions = {},
  ): Promise<AddedJob> {
    const job = resolveJob(
      { name, payload, options },
      { ...this.catalog.jobContext(queue), now: this.clock.now() },
    );
    const added = await this.intake.add(queue, job);
    this.events.emit('queue.enqueued', { queue, name, ...added });
    return added;
  }

  /**
   * Leases the next job to run by hand; `undefined` when none came in time. Complete, fail or
   * extend it before the queue's `lease` ends, else it is run again.
   */
  async dequeue(queue: string, options: DequeueOptions = {}): Promise<JobLease | undefined> {
    this.catalog.settings(queue);
    return this.driver.take(queue, parseOptions(waiting, options, 'dequeue').timeoutMs);
  }

  async counts(queue: string): Promise<JobCounts> {
    this.catalog.settings(queue);
    return this.driver.counts(queue);
  }

  async status(queue: string): Promise<QueueStatus> {
    const [counts, paused] = await Promise.all([this.counts(queue), this.driver.isPaused(queue)]);
    return { name: queue, counts, paused };
  }

  /**
   * Counts of all queues, for health pages: never rejects, and starts nothing that is not running
   * yet. A queue that cannot be asked now is left out.
   */
  async overview(): Promise<Readonly<Record<string, JobCounts>>> {
    if (!this.driver.isStarted || !this.driver.isServing) return {};
    const names = this.queues();
    const answers = await Promise.allSettled(names.map((name) => this.driver.counts(name)));
    const known = answers.flatMap((answer, index) =>
      answer.status === 'fulfilled' ? [[names[index] ?? '', answer.value] as const] : [],
    );
    return Object.fromEntries(known);
  }

  /** Names of all declared queues. */
  queues(): readonly string[] {
    return this.catalog.names();
  }

  /** @throws QueueUnknownError */
  assertKnown(queue: string): void {
    this.catalog.settings(queue);
  }

  async job(queue: string, id: string): Promise<JobRecord | undefined> {
    this.catalog.settings(queue);
    return this.driver.find(queue, id);
  }

  async jobs(
    queue: string,
    state: JobState,
    options: ListOptions = {},
  ): Promise<readonly JobRecord[]> {
    this.catalog.settings(queue);
    const wanted = parseOptions(jobState, state, 'state');
    return this.driver.list(queue, wanted, parseOptions(range, options, 'jobs'));
  }

  /** A job that runs is not removed. */
  async remove(queue: string, id: string): Promise<'removed' | 'absent' | 'active'> {
    this.catalog.settings(queue);
    return this.driver.remove(queue, id);
  }

  /** Runs a failed job again, with all its attempts. */
  async retry(queue: string, id: string): Promise<'retried' | 'absent' | 'not-failed'> {
    this.catalog.settings(queue);
    return this.driver.retry(queue, id);
  }

  /** Hands out no more jobs, in any process; those that run go on. */
  async pause(queue: string): Promise<void> {
    this.catalog.settings(queue);
    return this.driver.pause(queue);
  }

  async resume(queue: string): Promise<void> {
    this.catalog.settings(queue);
    return this.driver.resume(queue);
  }

  /** Removes jobs of one state. Resolves to how many. */
  async clean(queue: string, options: CleanOptions = {}): Promise<number> {
    this.catalog.settings(queue);
    const { olderThan, ...rest } = options;
    const olderThanMs = olderThan === undefined ? 0 : parseDuration(olderThan, 'clean.olderThan');
    return this.driver.clean(queue, { ...parseOptions(cleaning, rest, 'clean'), olderThanMs });
  }
}
