import { z } from 'zod';
import { parseOptions } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { EnqueueOptions, JobRequest } from './job-options.js';
import { JOB_STATES, type JobState } from './queue.driver.js';
import type { CleanOptions, DequeueOptions, ListOptions } from './queue.service.js';

/** Longest wait of one HTTP request. */
const LONGEST_DEQUEUE_MS = 30_000;

/** What a query holds is text. */
function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number(message).int(message).min(least, message).max(most, message);
}

const job = z
  .strictObject({
    name: z.string('must be the name of the job').min(1, 'must not be empty').max(200),
    payload: z.unknown().refine((value) => value !== undefined, 'is missing'),
    priority: z.custom<EnqueueOptions['priority']>().exactOptional(),
    delay: z.custom<EnqueueOptions['delay']>().exactOptional(),
    attempts: z.custom<EnqueueOptions['attempts']>().exactOptional(),
    job_id: z.custom<string>().exactOptional(),
    deduplication_id: z.custom<string>().exactOptional(),
  })
  .transform(({ name, payload, job_id: jobId, deduplication_id: deduplicationId, ...options }) => ({
    name,
    payload,
    options: {
      ...options,
      ...(jobId === undefined ? {} : { jobId }),
      ...(deduplicationId === undefined ? {} : { deduplicationId }),
    } as EnqueueOptions,
  }));

/** The options are checked where the job is made. @throws InvalidOptionError */
export function parseJob(body: unknown): JobRequest {
  return parseOptions(job, body, 'body');
}

const list = z.strictObject({
  state: z.enum(JOB_STATES, `must be one of ${JOB_STATES.join(', ')}`).default('waiting'),
  offset: wholeNumber(0, 1_000_000).default(0),
  limit: wholeNumber(1, 1_000).default(100),
});

/** @throws InvalidOptionError */
export function parseList(query: unknown): Required<ListOptions> & { readonly state: JobState } {
  return parseOptions(list, query ?? {}, 'query');
}

const dequeue = z.strictObject({ timeoutMs: wholeNumber(0, LONGEST_DEQUEUE_MS).default(0) });

/** @throws InvalidOptionError */
export function parseDequeue(query: unknown): DequeueOptions {
  return parseOptions(dequeue, query ?? {}, 'query');
}

const clean = z.strictObject({
  state: z.enum(['completed', 'failed', 'delayed', 'waiting']).exactOptional(),
  older_than: z.custom<Duration>().exactOptional(),
  limit: z.int().min(1).max(10_000).exactOptional(),
});

/** A body is optional. @throws InvalidOptionError */
export function parseClean(body: unknown): CleanOptions {
  const { older_than: olderThan, ...rest } = parseOptions(clean, body ?? {}, 'body');
  return olderThan === undefined ? rest : { ...rest, olderThan };
}
