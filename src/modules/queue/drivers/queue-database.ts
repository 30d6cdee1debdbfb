import type { PgPool } from 'bullmq';

/** A PostgreSQL that keeps queues, wherever it runs. */
export interface QueueDatabase {
  /** Usable after `start`; made before, because BullMQ's objects want it. */
  readonly pool: PgPool;
  readonly isStarted: boolean;
  /** Resolves when there may be jobs in it: they may be from earlier, or it was started. */
  readonly awake: Promise<void>;
  /** Connects and brings the schema up to date. Once; a failure is tried again by the next call. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Runs a start once, whoever asks, and again after it failed. */
export class StartOnce {
  #starting: Promise<void> | undefined;
  #isDone = false;
  #finish = (): void => undefined;
  /** Resolves with the first success. */
  readonly done = new Promise<void>((resolve) => (this.#finish = resolve));

  constructor(private readonly work: () => Promise<void>) {}

  get isDone(): boolean {
    return this.#isDone;
  }

  run(): Promise<void> {
    this.#starting ??= this.work().then(
      () => {
        this.#isDone = true;
        this.#finish();
      },
      (error: unknown) => {
        this.#starting = undefined;
        throw error;
      },
    );
    return this.#starting;
  }

  /** Resolves when a start that is under way is over. */
  async settled(): Promise<void> {
    await this.#starting?.catch(() => undefined);
  }
}

/** BullMQ's default, written out because every connection's search path has to name it. */
export const SCHEMA = 'bullmq';
