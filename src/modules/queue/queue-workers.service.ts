import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { MissingPeerError } from '../../common/errors/index.js';
import { JobHandlers, type ProcessedQueue } from './job-handlers.js';
import { JobIntake } from './job-intake.js';
import { type QueueConsumer, QueueDriver } from './queue.driver.js';
import { QUEUE_OPTIONS } from './queue.module-definition.js';
import type { ResolvedQueueOptions } from './queue.options.js';

/** How one worker of this process is. */
export interface WorkerStatus {
  readonly queue: string;
  readonly active: number;
  /** Time since it last gave a sign of life. */
  readonly silentMs: number;
}

/**
 * Runs the application's `@JobProcessor` classes, from the end of the boot to the shutdown: then
 * workers take no more jobs and finish what they have, at most for `shutdownTimeout`, while
 * everything else, `enqueue` included, still works.
 */
@Injectable()
export class QueueWorkers
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #logger = new Logger('QueueModule');
  readonly #consumers = new Map<string, QueueConsumer>();
  #starting: Promise<unknown> = Promise.resolve();
  #isStopping = false;

  constructor(
    @Inject(QueueDriver) private readonly driver: QueueDriver,
    @Inject(JobIntake) private readonly intake: JobIntake,
    @Inject(JobHandlers) private readonly handlers: JobHandlers,
    @Inject(QUEUE_OPTIONS) private readonly options: ResolvedQueueOptions,
  ) {}

  /** @throws MissingPeerError, DuplicateJobHandlerError */
  async onApplicationBootstrap(): Promise<void> {
    const queues = this.handlers.collect();
    const starts = queues.map((queue) => this.#start(queue));
    this.#starting = Promise.allSettled(starts);
    // Backends that take their time are not waited for; a package that is missing is told at boot.
    await Promise.all(starts.map((start) => start.catch(rethrowMissingPeer)));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#isStopping = true;
    await this.#starting;
    if (!(await this.driver.drain(this.options.shutdownTimeoutMs))) {
      this.#logger.warn('Some jobs did not end in time; they will run again elsewhere.');
    }
    this.#consumers.clear();
    await this.intake.close();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.driver.close();
  }

  status(): readonly WorkerStatus[] {
    return [...this.#consumers].map(([queue, { active, silentMs }]) => ({
      queue,
      active,
      silentMs,
    }));
  }

  async #start({ queue, handler, concurrency }: ProcessedQueue): Promise<void> {
    const consumer = await this.driver.consume(queue, handler, concurrency);
    if (this.#isStopping) await consumer.close(0);
    else this.#consumers.set(queue, consumer);
  }
}

function rethrowMissingPeer(error: unknown): void {
  if (error instanceof MissingPeerError) throw error;
  const detail = error instanceof Error ? error.message : String(error);
  process.emitWarning(`A queue worker did not start: ${detail}`, 'BackplaneQueueWarning');
}
