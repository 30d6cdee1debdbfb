import type { RedisGate } from './gate.js';
import { RedisUnavailableError } from './redis.errors.js';

/** Remembers what the primary missed, for contracts where forgetting it would show old data. */
export interface FailoverJournal<T> {
  /** A call ran on the fallback, or its outcome on the primary is unknown. */
  record(method: keyof T, args: readonly unknown[]): void;
  readonly isEmpty: boolean;
  /** Brings the primary up to date and empties the journal. Rejects when Redis is away again. */
  replay(primary: T): Promise<void>;
}

export interface FailoverPlan<T> {
  readonly primary: T;
  readonly fallback: T;
  readonly gate: RedisGate;
  readonly journal?: FailoverJournal<T>;
  /** Runs once the primary serves again: drop what the fallback gathered. */
  readonly afterRecovery?: () => void;
}

/** Wait before a replay that failed is tried again. */
const REPLAY_RETRY_MS = 100;

/**
 * Puts a fallback driver behind a contract: calls go to the primary while its gate is closed, and to
 * the fallback when it is open or gives no usable answer in time.
 *
 * With a journal, the primary is not trusted after a missed call until the journal was replayed;
 * meanwhile the fallback answers. Errors other than `RedisUnavailableError` pass through.
 *
 * `T` must consist of methods that return promises.
 */
export class FailoverDriver<T extends object> {
  /** Implements the contract. */
  readonly driver: T;
  readonly #plan: FailoverPlan<T>;
  #isTrusted = true;
  #isReplaying = false;

  constructor(plan: FailoverPlan<T>) {
    this.#plan = plan;
    this.driver = this.#implement();
    plan.gate.onRecovered(() => void this.#recover());
  }

  /** Which of the two answers now. */
  get active(): 'primary' | 'fallback' {
    return this.#plan.gate.isClosed && this.#isTrusted ? 'primary' : 'fallback';
  }

  #implement(): T {
    const methods = new Map<PropertyKey, unknown>();
    return new Proxy(this.#plan.primary, {
      get: (primary, method) => {
        const known = methods.get(method);
        if (known !== undefined) return known;
        const value: unknown = Reflect.get(primary, method);
        if (typeof value !== 'function') return value;
        const wrapped = (...args: unknown[]) => this.#call(method as keyof T, args);
        methods.set(method, wrapped);
        return wrapped;
      },
    });
  }

  async #call(method: keyof T, args: readonly unknown[]): Promise<unknown> {
    const { primary, fallback } = this.#plan;
    if (this.active === 'fallback') {
      this.#plan.journal?.record(method, args);
      return invoke(fallback, method, args);
    }
    try {
      return await invoke(primary, method, args);
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) throw error;
      this.#missed(method, args);
      return invoke(fallback, method, args);
    }
  }

  /** The primary failed one call while it was trusted: it may have to be brought up to date. */
  #missed(method: keyof T, args: readonly unknown[]): void {
    const { journal, gate } = this.#plan;
    journal?.record(method, args);
    if (journal === undefined || journal.isEmpty) return;
    this.#isTrusted = false;
    if (gate.isClosed) this.#retryLater();
  }

  async #recover(): Promise<void> {
    if (this.#isReplaying) return;
    this.#isReplaying = true;
    this.#isTrusted = false;
    try {
      await this.#replay();
      this.#isTrusted = true;
      this.#plan.afterRecovery?.();
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) warnOfBug(error);
      if (this.#plan.gate.isClosed) this.#retryLater();
    } finally {
      this.#isReplaying = false;
    }
  }

  /** Calls recorded while a replay is under way make another round; the last look is synchronous. */
  async #replay(): Promise<void> {
    const { journal, primary } = this.#plan;
    if (journal === undefined) return;
    while (!journal.isEmpty) await journal.replay(primary);
  }

  #retryLater(): void {
    setTimeout(() => void this.#recover(), REPLAY_RETRY_MS).unref();
  }
}

/** Nobody waits for a replay, so nobody would catch it; the fallback goes on answering meanwhile. */
function warnOfBug(error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`A replay after an outage failed and is tried again: ${detail}`, {
    type: 'BackplaneFailoverWarning',
  });
}

function invoke<T extends object>(target: T, method: keyof T, args: readonly unknown[]) {
  const candidate: unknown = target[method];
  if (typeof candidate !== 'function') throw new TypeError(`No method ${String(method)}`);
  return Reflect.apply(candidate, target, args) as Promise<unknown>;
}
