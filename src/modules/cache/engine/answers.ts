import { CodecError } from '../../../common/codec/index.js';
import type { EventStream } from '../../../common/events/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { CacheFormat } from '../cache-format.js';
import type { CacheAnswer } from '../cache-loader.js';
import type { Entry } from './entry.js';

type Eventually<T> = T | Promise<T>;

/** How a caller wants an entry, and where it was found. */
export interface Reading<T> {
  readonly format: CacheFormat<T>;
  readonly from: CacheAnswer<T>['from'];
}

/** Makes answers of entries. */
export class Answers {
  readonly #clock: Clock;
  readonly #events: EventStream;

  constructor(clock: Clock, events: EventStream) {
    this.#clock = clock;
    this.#events = events;
  }

  /** The value of an entry that was unpacked before; `undefined` for any other. */
  ready<T>(entry: Entry, reading: Reading<T>): CacheAnswer<T> | undefined {
    if (entry.unpacked?.format !== reading.format) return undefined;
    return this.#answer(entry, entry.unpacked.value as T, reading);
  }

  /** `undefined` for bytes of another format, or damaged ones: as good as absent. */
  of<T>(key: string, entry: Entry, reading: Reading<T>): Eventually<CacheAnswer<T> | undefined> {
    const ready = this.ready(entry, reading);
    if (ready !== undefined) return ready;
    const reject = (error: unknown): undefined => {
      if (!(error instanceof CodecError)) throw error;
      this.#events.emit('cache.rejected', { key, reason: error.code });
    };
    try {
      // Small values are decoded at once; awaiting them as well would cost every hit a promise.
      const value = reading.format.decode(entry.value);
      if (!(value instanceof Promise)) return this.#unpacked(entry, value, reading);
      // Not kept: it takes more room than the bytes that were inflated.
      return value.then((late) => this.#answer(entry, late, reading), reject);
    } catch (error) {
      return reject(error);
    }
  }

  /** Of a value that is stored nowhere. */
  unstored<T>(value: T): CacheAnswer<T> {
    return { value, from: 'load', isFresh: true, ageMs: 0, freshForMs: 0, isStored: false };
  }

  #unpacked<T>(entry: Entry, value: T, reading: Reading<T>): CacheAnswer<T> {
    if (reading.format.isImmutable || !isObject(value)) {
      entry.unpacked = { format: reading.format, value };
    }
    return this.#answer(entry, value, reading);
  }

  #answer<T>(entry: Entry, value: T, { from }: Reading<T>): CacheAnswer<T> {
    const now = this.#clock.monotonic();
    const freshForMs = entry.isPurged ? 0 : entry.freshUntil - now;
    const ageMs = Math.max(0, now - entry.storedAt);
    return { value, from, isFresh: freshForMs > 0, ageMs, freshForMs, isStored: true };
  }
}

/** Nobody can change any other value. */
function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
