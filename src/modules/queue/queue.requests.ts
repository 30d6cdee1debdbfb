import { z } from 'zod';
import { parseOptions } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { EnqueueOptions } from './job-options.js';
import { JOB_STATES, type JobState } from './queue.driver.js';
import type { CleanOptions, DequeueOptions, ListOptions } from './queue.service.js';

/** Longest wait of one HTTP request. */
const LONGEST_DEQUEUE_MS = 30_000;

/** What a query holds is text. */
function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number(message).int(message).min(least, message).max(most, message);
}

const job = z.looseObject({
  name: z.string('must be the name of the job').min(1, 'must not be empty').max(200),
  payload: z.unknown().refine((value) => value !== undefined, 'is missing'),
});

interface JobBody extends EnqueueOptions {
  readonly name: string;
  readonly payload: unknown;
}

/** The rest of the body is checked where the job is made. @throws InvalidOptionError */
export function parseJob(body: unknown): JobBody {
  return parseOptions(job, body, 'body') as JobBody;
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
  olderThan: z.custom<Duration>().exactOptional(),
  limit: z.int().min(1).max(10_000).exactOptional(),
});

/** A body is optional. @throws InvalidOptionError */
export function parseClean(body: unknown): CleanOptions {
  return parseOptions(clean, body ?? {}, 'body');
}
