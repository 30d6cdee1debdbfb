import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { InvalidOptionError } from '../../common/errors/index.js';
import { duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { NewJob, QueueSettings } from './queue.driver.js';
import { type BackoffOptions, MAX_PRIORITY } from './queue.options.js';
import { isReservedJobId } from './reserved-job-ids.js';

/** Levels with room between them: any number from 1 (first) to 2097151 may be used as well. */
export const PRIORITIES = { critical: 1, high: 10, normal: 100, low: 1_000 } as const;

export type JobPriority = keyof typeof PRIORITIES | number;

/** How one job differs from its queue. */
export interface EnqueueOptions {
  /** Lower numbers run first, jobs of one priority in their order. @default 'normal' */
  readonly priority?: JobPriority;
  /** Earliest start, from now. @default 0 */
  readonly delay?: Duration;
  /** @default the queue's `attempts` */
  readonly attempts?: number;
  /** @default the queue's `backoff` */
  readonly backoff?: BackoffOptions;
  /** While a job with this id has not finished, others with it are not added. */
  readonly deduplicationId?: string;
  /**
   * Identity of the job: one with the same id is not added again while it is kept. Not a number,
   * and without `:`. @default a random UUID
   */
  readonly jobId?: string;
}

/** One job of an `enqueue` call. */
export interface JobRequest {
  readonly name: string;
  readonly payload: unknown;
  readonly options: EnqueueOptions;
}

const id = z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters');

/** Fields of a job that a caller may set. */
const enqueueShape = {
  priority: z
    .union(
      [
        z.enum(['critical', 'high', 'normal', 'low']).transform((level) => PRIORITIES[level]),
        z.int().min(1).max(MAX_PRIORITY),
      ],
      `must be critical, high, normal, low or a whole number from 1 to ${MAX_PRIORITY}`,
    )
    .default(PRIORITIES.normal),
  delay: z.union([z.literal(0), duration()], 'must be 0 or a duration such as "30s"').default(0),
  attempts: positiveInteger().max(100, 'must be at most 100').exactOptional(),
  backoff: z
    .strictObject({
      type: z.enum(['fixed', 'exponential']).exactOptional(),
      delay: duration().exactOptional(),
      maxDelay: duration().exactOptional(),
      jitter: z.number().min(0).max(1).exactOptional(),
    })
    .exactOptional(),
  deduplicationId: id.exactOptional(),
  jobId: id
    .regex(/^[^:]*$/, 'must not hold a colon')
    // BullMQ numbers jobs by itself and keeps such ids for them.
    .regex(/\D/, 'must not be a number')
    .refine((text) => !isReservedJobId(text), 'is a name that BullMQ uses itself')
    .exactOptional(),
};

const schema = z.strictObject(enqueueShape);

const jobName = z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters');

/** What a job needs to know of its surroundings. */
export interface JobContext {
  readonly settings: QueueSettings;
  readonly maxPayloadBytes: number;
  readonly now: number;
}

/** Validates a job and applies the queue's defaults. @throws InvalidOptionError */
export function resolveJob(request: JobRequest, context: JobContext): NewJob {
  const { settings, now } = context;
  const name = parseOptions(jobName, request.name, 'name');
  const options = parseOptions(schema, request.options, 'job');
  const { backoff } = options;
  return {
    ...(options.jobId === undefined
      ? { id: randomUUID() }
      : { id: options.jobId, isIdGiven: true }),
    name,
    payload: checkPayload(request.payload, context.maxPayloadBytes),
    priority: options.priority,
    delayMs: options.delay,
    acceptedAt: now,
    attempts: options.attempts ?? settings.attempts,
    backoff: {
      type: backoff?.type ?? settings.backoff.type,
      delayMs: backoff?.delay ?? settings.backoff.delayMs,
      maxDelayMs: backoff?.maxDelay ?? settings.backoff.maxDelayMs,
      jitter: backoff?.jitter ?? settings.backoff.jitter,
    },
    ...(options.deduplicationId === undefined ? {} : { deduplicationId: options.deduplicationId }),
  };
}

/** A copy that holds just what the worker will see, and that the caller cannot change any more. */
function checkPayload(payload: unknown, maxBytes: number): unknown {
  const text = toJson(payload);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new InvalidOptionError(
      'payload',
      `is ${bytes} bytes of JSON, the limit is ${maxBytes}; store it elsewhere and enqueue its address`,
    );
  }
  return JSON.parse(text) as unknown;
}

function toJson(payload: unknown): string {
  try {
    // `undefined`, a function or a symbol alone have no JSON.
    const text: string | undefined = JSON.stringify(payload);
    if (text !== undefined) return text;
  } catch {
    // A bigint or a cycle: told below, like the rest.
  }
  throw new InvalidOptionError('payload', 'must be plain JSON: no bigint, cycle or function');
}
