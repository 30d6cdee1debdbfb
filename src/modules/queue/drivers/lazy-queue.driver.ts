import type { Backing } from '../../../common/status/index.js';
import type {
  AddedJob,
  CleanRequest,
  JobCounts,
  JobHandler,
  JobLease,
  JobRange,
  JobRecord,
  JobState,
  NewJob,
  QueueConsumer,
  QueueDriver,
} from '../queue.driver.js';

/** What is known of a driver that is not open yet. */
export interface IdleStatus {
  readonly backing: () => Backing;
  readonly isServing: () => boolean;
  /** `false`: its first use starts something that takes time. */
  readonly isStarted: boolean;
}

/**
 * Opens a driver on its first use: an application that has the module but no queue needs neither
 * the packages nor the time. A failure to open is told to the caller and tried again with the next
 * call.
 */
export class LazyQueueDriver<T extends QueueDriver = QueueDriver> implements QueueDriver {
  readonly #open: () => Promise<T>;
  readonly #idle: IdleStatus;
  #opening: Promise<T> | undefined;
  #opened: T | undefined;

  constructor(open: () => Promise<T>, idle: IdleStatus) {
    this.#open = open;
    this.#idle = idle;
  }

  get backing(): Backing {
    return this.#opened?.backing ?? this.#idle.backing();
  }

  get isServing(): boolean {
    return this.#opened?.isServing ?? this.#idle.isServing();
  }

  get isStarted(): boolean {
    return this.#opened?.isStarted ?? this.#idle.isStarted;
  }

  /** The driver itself. */
  opened(): Promise<T> {
    this.#opening ??= this.#open().then(
      (driver) => (this.#opened = driver),
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    return (await this.opened()).add(queue, job);
  }

  async addAll(queue: string, jobs: readonly NewJob[]): Promise<void> {
    return (await this.opened()).addAll(queue, jobs);
  }

  async counts(queue: string): Promise<JobCounts> {
    return (await this.opened()).counts(queue);
  }

  async isPaused(queue: string): Promise<boolean> {
    return (await this.opened()).isPaused(queue);
  }

  async pause(queue: string): Promise<void> {
    return (await this.opened()).pause(queue);
  }

  async resume(queue: string): Promise<void> {
    return (await this.opened()).resume(queue);
  }

  async find(queue: string, id: string): Promise<JobRecord | undefined> {
    return (await this.opened()).find(queue, id);
  }

  async list(queue: string, state: JobState, range: JobRange): Promise<readonly JobRecord[]> {
    return (await this.opened()).list(queue, state, range);
  }

  async remove(queue: string, id: string): Promise<'removed' | 'absent' | 'active'> {
    return (await this.opened()).remove(queue, id);
  }

  async retry(queue: string, id: string): Promise<'retried' | 'absent' | 'not-failed'> {
    return (await this.opened()).retry(queue, id);
  }

  async clean(queue: string, request: CleanRequest): Promise<number> {
    return (await this.opened()).clean(queue, request);
  }

  async take(queue: string, timeoutMs: number): Promise<JobLease | undefined> {
    return (await this.opened()).take(queue, timeoutMs);
  }

  async consume(queue: string, handler: JobHandler, concurrency: number): Promise<QueueConsumer> {
    return (await this.opened()).consume(queue, handler, concurrency);
  }

  async drain(drainMs: number): Promise<boolean> {
    return (await this.#whatOpened())?.drain(drainMs) ?? true;
  }

  async close(): Promise<void> {
    await (await this.#whatOpened())?.close();
  }

  /** Waits for an opening that is under way; opens nothing. */
  async #whatOpened(): Promise<T | undefined> {
    return this.#opening?.catch(() => undefined);
  }
}
