import type { AddedJob, NewJob, QueueSettings } from '../queue.driver.js';
import { QueueBackendDownError } from '../queue.errors.js';
import type { BullBackend, BullQueue } from './bull-backend.js';
import { bullOptions } from './job-records.js';

export interface BullProducerPlan {
  readonly backend: BullBackend;
  readonly settingsOf: (queue: string) => QueueSettings;
  readonly queueOf: (queue: string) => BullQueue;
}

/** Stores jobs; see `QueueDriver`. */
export class BullProducer {
  readonly #plan: BullProducerPlan;

  constructor(plan: BullProducerPlan) {
    this.#plan = plan;
  }

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    const { backend, settingsOf, queueOf } = this.#plan;
    const options = bullOptions(job, settingsOf(queue));
    try {
      const added = await backend.run(() => queueOf(queue).add(job.name, job.payload, options));
      const id = String(added.id);
      return { id, status: id === job.id ? 'queued' : 'duplicate' };
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
