import { SetMetadata } from '@nestjs/common';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { z } from 'zod';

/** How a class processes its queue. */
export interface JobProcessorOptions {
  /**
   * Jobs run at once in this process; the highest of all classes of the queue counts.
   * @default 1
   */
  readonly concurrency?: number;
}

export interface ProcessorMetadata {
  readonly queue: string;
  readonly concurrency: number;
}

export const JOB_PROCESSOR = Symbol('JOB_PROCESSOR');
export const ON_JOB = Symbol('ON_JOB');

const schema = z.strictObject({
  concurrency: positiveInteger().max(10_000, 'must be at most 10000').default(1),
});

/**
 * Makes a provider process the jobs of a queue, which it declares as well. Its methods with
 * `@OnJob` are the handlers; a job that none of them takes fails for good with
 * `E_QUEUE_UNKNOWN_JOB`. A request-scoped class is made anew for each job.
 *
 * @example
 * @JobProcessor('emails', { concurrency: 5 })
 * class EmailProcessor {
 *   @OnJob('welcome')
 *   async welcome(payload: { to: string }, job: RunningJob): Promise<void> {}
 * }
 * @throws InvalidOptionError at load time for a wrong concurrency
 */
export function JobProcessor(queue: string, options: JobProcessorOptions = {}): ClassDecorator {
  const { concurrency } = parseOptions(schema, options, '@JobProcessor');
  return SetMetadata(JOB_PROCESSOR, { queue, concurrency } satisfies ProcessorMetadata);
}

/**
 * Makes a method of a `@JobProcessor` the handler of a job. It gets the payload and a `RunningJob`;
 * what it returns is kept as the job's result. An error costs one attempt, a `PermanentJobError`
 * all.
 */
export function OnJob(name: string): MethodDecorator {
  return SetMetadata(ON_JOB, name);
}
