import type { EventStream } from '../../../common/events/index.js';
import type { FailedWrite, PendingWrite } from './write-queue.js';

/** A value that did not reach its source. */
export interface DeadWrite {
  readonly key: string;
  /** As it was given to `writeBehind`; not to be changed. */
  readonly value: unknown;
  /** Of the last attempt. */
  readonly error: unknown;
  readonly attempts: number;
}

/** Writes that were given up, for operators. */
export interface DeadWriteList {
  /** Those of now, oldest first. */
  list(): readonly DeadWrite[];

  /**
   * Queues the writes of these keys again, or of all that are there. Resolves to how many were
   * queued; those that fail once more come back.
   *
   * @throws CacheWriteQueueFullError where the queue has no room for all of them; the rest stay
   */
  replay(...keys: readonly string[]): Promise<number>;
}

/** Writes that were given up: of each key the latest, of all keys a bounded number. */
export class DeadWrites implements DeadWriteList {
  readonly #failed = new Map<string, FailedWrite>();
  readonly #max: number;
  readonly #events: EventStream;
  readonly #replay: (write: PendingWrite) => Promise<boolean>;

  constructor(max: number, events: EventStream, replay: (write: PendingWrite) => Promise<boolean>) {
    this.#max = max;
    this.#events = events;
    this.#replay = replay;
  }

  list(): readonly DeadWrite[] {
    return Array.from(this.#failed.values(), ({ write, error, attempts }) => {
      return { key: write.key, value: write.value, error, attempts };
    });
  }

  async replay(...keys: readonly string[]): Promise<number> {
    const chosen = keys.length > 0 ? keys : [...this.#failed.keys()];
    let queued = 0;
    for (const key of chosen) {
      const failed = this.#failed.get(key);
      if (failed !== undefined && (await this.#replay(failed.write))) queued += 1;
    }
    return queued;
  }

  add(failed: FailedWrite): void {
    const { key } = failed.write;
    this.#failed.delete(key);
    this.#failed.set(key, failed);
    const [oldest] = this.#failed.keys();
    if (this.#failed.size <= this.#max || oldest === undefined) return;
    this.#failed.delete(oldest);
    this.#events.emit('cache.write-forgotten', { key: oldest });
  }

  /** Is it this very write that is dead? */
  holds(write: PendingWrite): boolean {
    return this.#failed.get(write.key)?.write === write;
  }

  /** A newer value of the key has been accepted, or its source written. */
  forget(key: string): void {
    this.#failed.delete(key);
  }
}
