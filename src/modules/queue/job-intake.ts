import type { EventStream } from '../../common/events/index.js';
import type { AddedJob, NewJob, QueueDriver } from './queue.driver.js';
import { QueueBackendDownError, QueueBufferFullError } from './queue.errors.js';
import './queue.events.js';

/** Injection token and contract of what accepts jobs: the failure policy of the module. */
export const JobIntake = Symbol('JobIntake');

export interface JobIntake {
  /** @throws QueueBackendDownError, QueueBufferFullError: the job was not accepted */
  add(queue: string, job: NewJob): Promise<AddedJob>;
  /** Accepted jobs that are not stored yet. */
  readonly buffered: number;
  /** `true` while jobs are accepted although the backend is away. */
  readonly isBridging: boolean;
  /** Stores what can be stored, and tells what is lost. */
  close(): Promise<void>;
}

/** The policy `reject`: accepted is what is stored. */
export class DirectIntake implements JobIntake {
  readonly buffered = 0;
  readonly isBridging = false;

  constructor(private readonly driver: QueueDriver) {}

  add(queue: string, job: NewJob): Promise<AddedJob> {
    return this.driver.add(queue, job);
  }

  async close(): Promise<void> {}
}

interface Buffered {
  readonly queue: string;
  readonly job: NewJob;
}

export interface BufferedIntakeOptions {
  readonly maxBuffered: number;
  /** Time between attempts to store the first of them. @default 250 */
  readonly retryMs?: number;
}

/**
 * The policy `buffer`: while the backend is away, jobs are kept in this process and stored, in their
 * order and with the ids they were accepted under, once it is back. So each accepted job is stored once,
 * even where the answer to a first attempt was lost. What the process holds when it dies is lost.
 */
export class BufferedIntake implements JobIntake {
  readonly #driver: QueueDriver;
  readonly #events: EventStream;
  readonly #max: number;
  readonly #retryMs: number;
  readonly #jobs: Buffered[] = [];
  #timer: NodeJS.Timeout | undefined;
  #replaying: Promise<void> | undefined;

  constructor(driver: QueueDriver, events: EventStream, options: BufferedIntakeOptions) {
    this.#driver = driver;
    this.#events = events;
    this.#max = options.maxBuffered;
    this.#retryMs = options.retryMs ?? 250;
  }

  get buffered(): number {
    return this.#jobs.length;
  }

  get isBridging(): boolean {
    return this.#jobs.length < this.#max;
  }

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    // Behind what waits already: jobs keep their order.
    if (this.#jobs.length > 0 || !this.#driver.isServing) return this.#keep({ queue, job });
    try {
      return await this.#driver.add(queue, job);
    } catch (error) {
      if (!(error instanceof QueueBackendDownError)) throw error;
      return this.#keep({ queue, job });
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#replaying;
    if (this.#driver.isServing) await this.#replay();
    clearTimeout(this.#timer);
    if (this.#jobs.length > 0) this.#events.emit('queue.buffer-lost', { count: this.#jobs.length });
  }

  #keep(entry: Buffered): AddedJob {
    if (!this.isBridging) throw new QueueBufferFullError(this.#max);
    this.#jobs.push(entry);
    if (this.#replaying === undefined) this.#schedule();
    return { id: entry.job.id, status: 'buffered' };
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#replaying = this.#replay().finally(() => {
        this.#replaying = undefined;
        if (this.#jobs.length > 0) this.#schedule();
      });
    }, this.#retryMs).unref();
  }

  async #replay(): Promise<void> {
    let count = 0;
    while (this.#driver.isServing) {
      const [first] = this.#jobs;
      if (first === undefined || !(await this.#store(first))) break;
      this.#jobs.shift();
      count += 1;
    }
    if (count > 0) this.#events.emit('queue.replayed', { count });
  }

  /** `false`: the backend is away again. Any other error is a bug, told once and not retried for ever. */
  async #store({ queue, job }: Buffered): Promise<boolean> {
    try {
      await this.#driver.add(queue, job);
    } catch (error) {
      if (error instanceof QueueBackendDownError) return false;
      process.emitWarning(`A buffered job was lost: ${String(error)}`, 'BackplaneQueueWarning');
      this.#events.emit('queue.buffer-lost', { count: 1 });
    }
    return true;
  }
}
