import type { QueueSettings } from '../queue.driver.js';
import type { BullBackend, BullWorker } from './bull-backend.js';
import { JobRunner, type JobRunnerPlan } from './job-runner.js';
import { workerOptions } from './worker-plan.js';
import '../queue.events.js';

export interface WatchedWorkerPlan extends JobRunnerPlan {
  readonly backend: BullBackend;
  readonly settings: QueueSettings;
  readonly concurrency: number;
}

/**
 * One BullMQ worker with its own count of jobs and its own heartbeat: every answer to "is there a
 * job?" is a beat. Whatever it still does after it was replaced, its successor does not notice.
 */
export class WatchedWorker {
  readonly worker: BullWorker;
  readonly #plan: WatchedWorkerPlan;
  readonly #runner: JobRunner;
  #lastBeat = performance.now();

  constructor(plan: WatchedWorkerPlan) {
    this.#plan = plan;
    this.#runner = new JobRunner(plan);
    this.worker = this.#start();
  }

  /** Jobs being run by it now. */
  get active(): number {
    return this.#runner.active;
  }

  get silentMs(): number {
    return Math.round(performance.now() - this.#lastBeat);
  }

  /** A sign of life, or a reason to have given none. */
  beat(): void {
    this.#lastBeat = performance.now();
  }

  #start(): BullWorker {
    const { bull, backend, settings, queue, concurrency, events } = this.#plan;
    const options = workerOptions(backend, 'worker', { name: queue, settings });
    const worker: BullWorker = new bull.Worker(
      queue,
      // Three declared parameters make BullMQ pass the signal.
      (job, _token, signal) => this.#runner.run(job, signal),
      { ...options, concurrency, autorun: false },
      backend.factory,
    );
    this.#listenToHeart(worker);
    worker.on('error', (error) => {
      events.emit('queue.worker-error', { queue, reason: error.message });
    });
    worker.on('stalled', (id) => events.emit('queue.stalled', { queue, id }));
    worker.run().catch((error: unknown) => worker.emit('error', error as Error));
    return worker;
  }

  #listenToHeart(worker: BullWorker): void {
    const backend = worker.getBackend();
    const moveToActive = backend.moveToActive.bind(backend);
    backend.moveToActive = async (...args) => {
      const reply = await moveToActive(...args);
      this.beat();
      return reply;
    };
    // A busy worker gets its next job with the answer to the last one.
    worker.on('completed', () => this.beat());
    worker.on('failed', () => this.beat());
  }
}
