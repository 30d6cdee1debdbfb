import { randomUUID } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
import type { AddedJob, NewJob, QueueSettings } from '../queue.driver.js';
import { QueueBackendDownError } from '../queue.errors.js';
import type { BullBackend, BullQueue } from './bull-backend.js';
import { bullOptions } from './job-records.js';

export interface BullProducerPlan {
  readonly backend: BullBackend;
  readonly settingsOf: (queue: string) => QueueSettings;
  readonly queueOf: (queue: string) => BullQueue;
}

/** Field of a stored job's options: which attempt to store it succeeded. */
const ADDED_AS = 'addedAs';

/** Stores jobs; see `QueueDriver`. */
export class BullProducer {
  readonly #plan: BullProducerPlan;

  constructor(plan: BullProducerPlan) {
    this.#plan = plan;
  }

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    const bull = this.#plan.queueOf(queue);
    const options = bullOptions(job, this.#plan.settingsOf(queue));
    const store = job.isIdGiven === true ? storeOrFind : storeNew;
    try {
      return await this.#plan.backend.run(() => store(bull, job, options));
    } catch (error) {
      if (!(error instanceof QueueBackendDownError)) throw error;
      throw new QueueBackendDownError(error.outcome, job.id, { cause: error });
    }
  }

  async addAll(queue: string, jobs: readonly NewJob[]): Promise<void> {
    const { backend, settingsOf, queueOf } = this.#plan;
    const settings = settingsOf(queue);
    const bulk = jobs.map((job) => ({
      name: job.name,
      data: job.payload,
      opts: bullOptions(job, settings),
    }));
    await backend.run(() => queueOf(queue).addBulk(bulk), { outsideBudget: true });
  }
}

/**
 * No job has an id of ours; another id in the answer is that of the job with the same deduplication
 * id.
 */
async function storeNew(bull: BullQueue, job: NewJob, options: JobsOptions): Promise<AddedJob> {
  const { id } = await bull.add(job.name, job.payload, options);
  return { id: String(id), status: id === job.id ? 'queued' : 'duplicate' };
}

/**
 * BullMQ answers with the id whether or not there was such a job. So each attempt leaves a mark of
 * its own in what it stores, and looks whose mark is there: of any number of attempts at once, one
 * finds its own. A job that is gone when it is looked for had been stored, by whomever; that counts
 * as ours.
 */
async function storeOrFind(bull: BullQueue, job: NewJob, options: JobsOptions): Promise<AddedJob> {
  const mark = randomUUID();
  const added = await storeNew(bull, job, { ...options, [ADDED_AS]: mark } as JobsOptions);
  if (added.status === 'duplicate') return added;
  const stored = await bull.getJob(job.id);
  const isOurs = stored === undefined || Reflect.get(stored.opts, ADDED_AS) === mark;
  return { id: job.id, status: isOurs ? 'queued' : 'duplicate' };
}
