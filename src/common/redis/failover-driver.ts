import { runOutsideRequests } from '../context/index.js';
import type { RedisGate } from './gate.js';
import { RedisUnavailableError } from './redis.errors.js';

/**
 * Remembers what the primary missed, for contracts where forgetting it would show old data.
 *
 * While anything is recorded the primary may be in use already, so the journal has to shrink under
 * load: what it covers is either few, or can be superseded.
 */
export interface FailoverJournal<T> {
  /** A call ran on the fallback, or its outcome on the primary is unknown. */
  record(method: keyof T, args: readonly unknown[]): void;
  /**
   * Does the call touch anything that was recorded and not yet replayed? Then the fallback answers.
   */
  covers(method: keyof T, args: readonly unknown[]): boolean;
  /**
   * Asked for every call while the primary can be reached: what the primary is told, the fallback may
   * have to know. A function: the call may go to the primary although it is covered, because it
   * replaces what was missed; it is called when the primary has confirmed.
   */
  supersede?(method: keyof T, args: readonly unknown[]): (() => void) | undefined;
  /** Grows with every record. */
  readonly sequence: number;
  /**
   * Must a call that the primary left unanswered, made when the journal was at `sequence`, stay
   * away from the fallback, because something newer may be there? The plan's `refusal` answers it
   * then.
   */
  isOutdated(method: keyof T, args: readonly unknown[], sequence: number): boolean;
  readonly isEmpty: boolean;
  /** Brings the primary up to date with what is recorded. Rejects when Redis is away again. */
  replay(primary: T): Promise<void>;
}

/** What a failover goes by: one gate, or what stands for several. */
export type FailoverGate = Pick<RedisGate, 'isClosed' | 'onRecovered'>;

export interface FailoverPlan<T> {
  readonly primary: T;
  readonly fallback: T;
  readonly gate: FailoverGate;
  readonly journal?: FailoverJournal<T>;
  /**
   * Answers what neither may run, and what the primary failed with: calls that are outdated, or left
   * out by `bridges`.
   * @default `fallback`
   */
  readonly refusal?: (failure: RedisUnavailableError) => T;
  /**
   * `outages`: the fallback is for calls made, or left unanswered, while the gate is open; a single
   * call that finds no answer while others do is refused. @default each-call
   */
  readonly bridges?: 'each-call' | 'outages';
  /** Runs when the primary has been brought up to date: drop what the fallback gathered. */
  readonly afterRecovery?: () => void;
}

/** A call that the primary left unanswered. */
interface Unanswered<T> {
  readonly method: keyof T;
  readonly args: readonly unknown[];
  /** Of the journal when it was made. */
  readonly sequence: number;
  readonly failure: RedisUnavailableError;
}

/**
 * Wait before a replay that failed is tried again; twice as long after each failure, up to the
 * longest.
 */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * Puts a fallback driver behind a contract: calls go to the primary while its gate is closed, and
 * to the fallback when it is open or gives no usable answer in time.
 *
 * With a journal, the fallback also answers what touches a missed call, until that was replayed.
 * Errors other than `RedisUnavailableError` pass through.
 *
 * `T` must consist of methods that return promises.
 */
export class FailoverDriver<T extends object> {
  /** Implements the contract. */
  readonly driver: T;
  readonly #plan: FailoverPlan<T>;
  #isReplaying = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(plan: FailoverPlan<T>) {
    this.#plan = plan;
    this.driver = this.#implement();
    plan.gate.onRecovered(() => void this.#recover());
  }

  /** Which of the two answers now; `'primary'` only when it has nothing to make up for. */
  get active(): 'primary' | 'fallback' {
    const { gate, journal } = this.#plan;
    return gate.isClosed && (journal?.isEmpty ?? true) ? 'primary' : 'fallback';
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
    const { primary, fallback, gate, journal } = this.#plan;
    const isCovered = gate.isClosed && journal?.covers(method, args) === true;
    const settle = gate.isClosed ? journal?.supersede?.(method, args) : undefined;
    if (!gate.isClosed || (isCovered && settle === undefined)) {
      journal?.record(method, args);
      return invoke(fallback, method, args);
    }
    const sequence = journal?.sequence ?? 0;
    try {
      const answer = await invoke(primary, method, args);
      settle?.();
      return answer;
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) throw error;
      return this.#unanswered({ method, args, sequence, failure: error });
    }
  }

  #unanswered({ method, args, sequence, failure }: Unanswered<T>): Promise<unknown> {
    const { fallback, refusal, gate, journal, bridges } = this.#plan;
    const isOutdated = journal?.isOutdated(method, args, sequence) === true;
    journal?.record(method, args);
    if (gate.isClosed) this.#replayLater();
    const isRefused = isOutdated || (bridges === 'outages' && gate.isClosed);
    return invoke((isRefused ? refusal?.(failure) : undefined) ?? fallback, method, args);
  }

  async #recover(): Promise<void> {
    const { journal, primary, gate, afterRecovery } = this.#plan;
    if (this.#isReplaying) return;
    this.#isReplaying = true;
    try {
      do {
        // Started by whichever request noticed the failure, which may have no budget left.
        await runOutsideRequests(() => journal?.replay(primary));
        afterRecovery?.();
        // What is recorded meanwhile is covered from that moment on, so no call slips through here.
      } while (journal !== undefined && !journal.isEmpty);
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) warnOfBug(error);
      if (gate.isClosed) this.#replayLater();
    } finally {
      this.#isReplaying = false;
    }
  }

  #replayLater(): void {
    if (this.#retry !== undefined || (this.#plan.journal?.isEmpty ?? true)) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      // Behind an open gate it would be in vain; the recovery replays.
      if (this.#plan.gate.isClosed) void this.#recover();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(LONGEST_RETRY_MS, 2 * this.#retryMs);
  }
}

/**
 * Nobody waits for a replay, so nobody would catch it; the fallback goes on answering meanwhile.
 */
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
