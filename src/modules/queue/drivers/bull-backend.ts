import type { IQueueBackend, JobProgress, BackendFactory, Job, Queue, Worker } from 'bullmq';
import type { Backing } from '../../../common/status/index.js';
import type { QueueSettings } from '../queue.driver.js';

/** BullMQ as loaded: an optional peer, so its code is never imported at the top of a file. */
export type BullLibrary = typeof import('bullmq');

/**
 * What BullMQ calls a connection: here only which backend, and in which role. The factory of the
 * backend finds the client; BullMQ never opens or closes one that is shared.
 */
export class BullConnection {
  constructor(
    readonly backend: BullBackend,
    /**
     * `producer` fails fast. `worker` waits for ever and has a blocking client of its own. `manual`
     * has that too, but fails fast in everything else.
     */
    readonly role: 'producer' | 'worker' | 'manual',
    /** For workers that others make with the connection of a queue. */
    readonly hosts?: BullHosts,
  ) {}
}

/** What a worker needs that is made by `@nestjs/bullmq`. */
export interface BullHosts {
  settingsOf(queue: string): QueueSettings;
  /** From now on the driver closes it. */
  adopt(consumer: { close(drainMs: number): Promise<boolean> }): void;
}

export type BullFactory = BackendFactory<IQueueBackend, BullConnection>;

export type BullQueue = Queue<
  unknown,
  unknown,
  string,
  unknown,
  unknown,
  string,
  IQueueBackend,
  BullConnection
>;

export type BullWorker = Worker<
  unknown,
  unknown,
  string,
  IQueueBackend,
  JobProgress,
  BullConnection
>;

export type BullJob = Job<unknown, unknown>;

/** How one operation is bounded. */
export interface RunBounds {
  /**
   * Has the whole deadline also where a request has used up its Redis budget: for what does harm
   * when its answer is lost, such as taking a job. @default false
   */
  readonly outsideBudget?: boolean;
  /** Looks at a lot of data, so that its own size may be why it is slow. @default false */
  readonly isSurvey?: boolean;
}

/** One place that keeps queues, as BullMQ sees it. */
export interface BullBackend {
  /** What answers now. */
  readonly backing: Backing;
  /** `false` while it is known to be away. */
  readonly isUp: boolean;
  /** `false` before the first use of a backend that starts then. */
  readonly isStarted: boolean;
  /** Resolves when it may hold jobs; consumers begin then. */
  readonly awake: Promise<void>;
  readonly factory: BullFactory;
  /** Lists of BullMQ whose ranges count from the newest job, whichever order is asked for. */
  readonly newestFirst: readonly string[];
  /** BullMQ's key prefix for a queue. */
  prefix(queue: string): string;
  /**
   * Runs one bounded operation.
   *
   * @throws QueueBackendDownError when the backend is away or does not answer in time; any other error
   * is its own about the operation
   */
  run<T>(operation: () => Promise<T>, bounds?: RunBounds): Promise<T>;
  /** Ends the connections that are its own. */
  close(): Promise<void>;
}
