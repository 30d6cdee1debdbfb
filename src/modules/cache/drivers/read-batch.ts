import {
  currentRequest,
  type RedisBudget,
  runOutsideRequests,
} from '../../../common/context/index.js';
import type { StoredEntry } from '../cache.driver.js';
import type { EntryStore, ReadOutcome } from './entry-store.js';
import { entryOf } from './stored-value.js';

/** Keys in one call: Redis does nothing else while it runs. */
const MAX_KEYS = 32;

interface Reader {
  /** Of its request. */
  readonly budget: RedisBudget | undefined;
  readonly resolve: (entry: StoredEntry | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads what is asked for in one turn of the event loop in one call, and each key once: what a
 * command costs the client and the server is most of what a read costs. Where no other is under way,
 * a read does not wait for the turn to end.
 *
 * A request that has less time for Redis left than a call may take asks alone, so that its budget
 * ends its own wait and nobody else's.
 */
export class ReadBatch {
  readonly #store: EntryStore;
  readonly #deadlineMs: number;
  #waiting = new Map<string, Reader[]>();
  #underWay = 0;

  constructor(store: EntryStore, deadlineMs: number) {
    this.#store = store;
    this.#deadlineMs = deadlineMs;
  }

  /** @throws RedisUnavailableError, or what the server refuses to read this key with */
  get(name: string): Promise<StoredEntry | undefined> {
    const budget = currentRequest()?.redisBudget;
    if (budget !== undefined && budget.remainingMs < this.#deadlineMs) return this.#readAlone(name);
    budget?.start();
    return new Promise((resolve, reject) => {
      const reader = { budget, resolve, reject };
      const readers = this.#waiting.get(name);
      if (readers !== undefined) {
        readers.push(reader);
        return;
      }
      this.#waiting.set(name, [reader]);
      if (this.#waiting.size >= MAX_KEYS) this.#flush();
      else if (this.#waiting.size === 1) runOutsideRequests(() => this.#flushSoon());
    });
  }

  async #readAlone(name: string): Promise<StoredEntry | undefined> {
    const [outcome] = await this.#store.read([name]);
    return entryFrom(outcome);
  }

  /** Callers who went on together ask before the next tick; other requests, before the turn ends. */
  #flushSoon(): void {
    if (this.#underWay === 0) process.nextTick(this.#flush);
    else setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    if (waiting.size === 0) return;
    this.#waiting = new Map();
    this.#underWay += 1;
    void runOutsideRequests(() => this.#settle(waiting));
  };

  async #settle(waiting: ReadonlyMap<string, readonly Reader[]>): Promise<void> {
    try {
      const outcomes = await this.#store.read([...waiting.keys()]);
      let at = 0;
      for (const readers of waiting.values()) {
        answer(readers, outcomes[at]);
        at += 1;
      }
    } catch (error) {
      for (const readers of waiting.values()) for (const { reject } of readers) reject(error);
    } finally {
      this.#underWay -= 1;
      for (const readers of waiting.values()) for (const { budget } of readers) budget?.stop();
    }
  }
}

function answer(readers: readonly Reader[], outcome: ReadOutcome | undefined): void {
  try {
    const entry = entryFrom(outcome);
    for (const { resolve } of readers) resolve(entry);
  } catch (error) {
    for (const { reject } of readers) reject(error);
  }
}

/** @throws what the server refused to read it with */
function entryFrom(outcome: ReadOutcome | undefined): StoredEntry | undefined {
  if (outcome === undefined) throw new TypeError('a cache script did not answer for every key');
  if (outcome instanceof Error) throw outcome;
  return entryOf(outcome);
}
