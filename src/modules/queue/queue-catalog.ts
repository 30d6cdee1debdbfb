import { Inject, Injectable } from '@nestjs/common';
import { JobHandlers } from './job-handlers.js';
import type { JobContext } from './job-options.js';
import type { QueueSettings } from './queue.driver.js';
import { QueueUnknownError } from './queue.errors.js';
import { QUEUE_OPTIONS } from './queue.module-definition.js';
import {
  type NamedQueueOptions,
  resolveNamedQueue,
  type ResolvedQueueOptions,
} from './queue.options.js';

/** The queues that exist, with their settings: those of the options, and those with processors. */
@Injectable()
export class QueueCatalog {
  readonly #queues = new Map<string, QueueSettings>();

  constructor(
    @Inject(QUEUE_OPTIONS) private readonly options: ResolvedQueueOptions,
    @Inject(JobHandlers) handlers: JobHandlers,
  ) {
    for (const { name, settings } of options.queues) this.#queues.set(name, settings);
    for (const queue of handlers.queues()) this.declare(queue);
  }

  /** Adds a queue. Settings given by the options of the module win over a mere name. */
  declare(queue: string | NamedQueueOptions): void {
    const { name, settings } = resolveNamedQueue(queue, this.options.defaults);
    if (typeof queue === 'string' && this.#queues.has(name)) return;
    this.#queues.set(name, settings);
  }

  has(name: string): boolean {
    return this.#queues.has(name);
  }

  names(): readonly string[] {
    return [...this.#queues.keys()].toSorted();
  }

  /** @throws QueueUnknownError */
  settings(name: string): QueueSettings {
    const settings = this.#queues.get(name);
    if (settings === undefined) throw new QueueUnknownError(name);
    return settings;
  }

  /** What a job of the queue needs to know. @throws QueueUnknownError */
  jobContext(name: string): Omit<JobContext, 'now'> {
    const { maxPayloadBytes } = this.options;
    return { settings: this.settings(name), maxPayloadBytes };
  }
}
