import type { DefaultJobOptions, JobsOptions } from 'bullmq';
import { PRIORITIES } from '../job-options.js';
import type { JobBackoff, JobRecord, JobState, NewJob, QueueSettings } from '../queue.driver.js';
import type { BullJob } from './bull-backend.js';

/** Name under which BullMQ finds our back-off; its own has no upper limit. */
const BACKOFF_TYPE = 'backplane';

interface StoredBackoff {
  readonly type: typeof BACKOFF_TYPE;
  readonly delay: number;
  readonly jitter: number;
  readonly maxDelay: number;
  readonly growth: JobBackoff['type'];
}

/** A job's options as BullMQ stores them. */
export function bullOptions(job: NewJob, settings: QueueSettings): JobsOptions {
  return {
    ...bullDefaults({ ...settings, attempts: job.attempts, backoff: job.backoff }),
    jobId: job.id,
    timestamp: job.acceptedAt,
    priority: job.priority,
    delay: job.delayMs,
    ...(job.deduplicationId === undefined ? {} : { deduplication: { id: job.deduplicationId } }),
  };
}

/** What jobs get that are added to the BullMQ queue directly. Every job has a priority: those without
 * would run before all others. */
export function bullDefaults(settings: QueueSettings): DefaultJobOptions {
  const { type, delayMs, maxDelayMs, jitter } = settings.backoff;
  const backoff: StoredBackoff = {
    type: BACKOFF_TYPE,
    delay: delayMs,
    jitter,
    maxDelay: maxDelayMs,
    growth: type,
  };
  return {
    priority: PRIORITIES.normal,
    attempts: settings.attempts,
    backoff,
    removeOnComplete: keep(settings.completed),
    removeOnFail: keep(settings.failed),
  };
}

function keep({ count, ageMs }: QueueSettings['completed']) {
  return { count, age: Math.ceil(ageMs / 1_000) };
}

/**
 * Wait before the next attempt, in milliseconds: exponential with an upper limit, a share of it
 * random (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
 */
export function backoffMs(attemptsMade: number, backoff: JobBackoff): number {
  const { type, delayMs, maxDelayMs, jitter } = backoff;
  const grown = type === 'fixed' ? delayMs : delayMs * 2 ** Math.min(attemptsMade - 1, 40);
  const longest = Math.min(grown, maxDelayMs);
  return Math.round(longest * (1 - jitter * Math.random()));
}

/** The same for a stored job; what other producers stored without our fields gets our defaults. */
export function storedBackoffMs(attemptsMade: number, stored: unknown, base: JobBackoff): number {
  const field = (name: string): unknown =>
    typeof stored === 'object' && stored !== null ? Reflect.get(stored, name) : undefined;
  const number = (name: string, fallback: number): number => {
    const value = field(name);
    return typeof value === 'number' ? value : fallback;
  };
  return backoffMs(attemptsMade, {
    type: field('growth') === 'fixed' ? 'fixed' : 'exponential',
    delayMs: number('delay', base.delayMs),
    maxDelayMs: number('maxDelay', base.maxDelayMs),
    jitter: number('jitter', base.jitter),
  });
}

/** Attempts a stored job has in all. */
export function maxAttempts(job: BullJob): number {
  return Math.max(1, job.opts.attempts ?? 1);
}

/** A stored job in the words of our contract. */
export function toRecord(queue: string, job: BullJob, state: JobState): JobRecord {
  return {
    id: String(job.id),
    queue,
    name: job.name,
    payload: job.data,
    state,
    priority: job.opts.priority ?? job.priority,
    maxAttempts: maxAttempts(job),
    attemptsMade: job.attemptsMade,
    attemptsStarted: job.attemptsStarted,
    createdAt: job.timestamp,
    ...(state === 'delayed' ? { runAt: dueAt(job) } : {}),
    ...(job.processedOn === undefined ? {} : { startedAt: job.processedOn }),
    ...(job.finishedOn === undefined ? {} : { finishedAt: job.finishedOn }),
    // Kept by BullMQ when the job is tried again; it tells of the last attempt.
    ...(job.failedReason === undefined ? {} : { failedReason: job.failedReason }),
    ...(state === 'completed' ? { result: job.returnvalue } : {}),
  };
}

/** The wait of a retry counts from the attempt that failed, that of a new job from its creation. */
function dueAt(job: BullJob): number {
  return (job.attemptsMade > 0 ? (job.processedOn ?? job.timestamp) : job.timestamp) + job.delay;
}

const STATES: Readonly<Record<string, JobState>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  active: 'active',
  delayed: 'delayed',
  completed: 'completed',
  failed: 'failed',
};

/** `undefined` for a job that vanished meanwhile. */
export function toState(bullState: string): JobState | undefined {
  return STATES[bullState];
}
