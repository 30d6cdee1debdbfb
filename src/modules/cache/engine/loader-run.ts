import { runOnNewBudget } from '../../../common/context/index.js';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { type Clock, type Duration, parseDuration } from '../../../common/time/index.js';
import { CacheLoadTimeoutError } from '../cache.errors.js';
import { MAX_TAGS, tagList } from '../cache-entry.options.js';
import type { LoadContext } from '../cache-loader.js';
import type { LoadOrder } from './load-order.js';
import { afterMs } from './timer.js';

/** What a loader made, and what is to become of it. */
export interface Made {
  readonly value: unknown;
  readonly freshMs: number;
  readonly loadMs: number;
  readonly tags: readonly string[];
  readonly isToBeStored: boolean;
}

/**
 * Runs the loader, at most for the time. In the context of whoever asked; of a request that is over
 * by then, on a budget of its own.
 *
 * @throws whatever it throws @throws CacheLoadTimeoutError
 */
export async function runLoader(
  order: LoadOrder,
  { clock, hardTimeoutMs }: { readonly clock: Clock; readonly hardTimeoutMs: number },
): Promise<Made> {
  const { loader, terms, isBackground } = order;
  const startedAt = clock.monotonic();
  const remarks = new Remarks(order);
  const load = (): unknown => loader(remarks);
  const work = isBackground ? runOnNewBudget(load) : load();
  const value = await within(hardTimeoutMs, remarks, work);
  const freshMs =
    remarks.ttlMs ?? (value === null ? terms.negativeTtlMs : undefined) ?? terms.ttlMs;
  const isRefused = remarks.isSkipped || value === undefined || freshMs === 0;
  return {
    value,
    freshMs,
    loadMs: clock.monotonic() - startedAt,
    tags: remarks.tags,
    isToBeStored: !isRefused && terms.shouldStore?.(value) !== false,
  };
}

/** What a loader said of its value. */
class Remarks implements LoadContext {
  readonly key: string;
  readonly isBackground: boolean;
  readonly #aborter = new AbortController();
  readonly #tags: Set<string>;
  /** `undefined`: as the call says. */
  ttlMs: number | undefined;
  isSkipped = false;

  constructor({ key, terms, isBackground }: LoadOrder) {
    this.key = key;
    this.isBackground = isBackground;
    this.#tags = new Set(terms.tags);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get tags(): readonly string[] {
    return [...this.#tags];
  }

  readonly setTtl = (ttl: Duration): void => {
    this.ttlMs = parseDuration(ttl, 'ttl');
  };

  readonly addTags = (...tags: readonly string[]): void => {
    for (const tag of tagList(tags, 'tags')) this.#tags.add(tag);
    if (this.#tags.size <= MAX_TAGS) return;
    throw new InvalidOptionError('tags', `are more than ${MAX_TAGS}`);
  };

  readonly skipStore = (): void => {
    this.isSkipped = true;
  };

  abort(reason: Error): void {
    this.#aborter.abort(reason);
  }
}

/** A loader that takes longer is told so, and left alone: what it comes to is nobody's any more. */
async function within(ms: number, remarks: Remarks, work: unknown): Promise<unknown> {
  if (!isThenable(work)) return work;
  let stop: () => void = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    stop = afterMs(ms, () => {
      const error = new CacheLoadTimeoutError(remarks.key, Math.round(ms));
      remarks.abort(error);
      reject(error);
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop();
  }
}

/** Query builders and clients of databases have promises of their own. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'then') === 'function';
}
