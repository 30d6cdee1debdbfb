import { currentRequest } from '../context/index.js';
import type { EventStream } from '../events/index.js';
import type { CallBounds } from './call-bounds.js';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.js';
import { withDeadline } from './deadline.js';
import { failureWord, unavailableReason } from './failure.js';
import { RedisUnavailableError } from './redis.errors.js';
import './redis.events.js';

/** What the gate needs to know of, and do to, the socket behind it. */
export interface GateLink {
  isReady(): boolean;
  /** Destroys the sockets, so that nothing more is sent and nothing waits on them. They reconnect. */
  destroySockets(): void;
  /** Destroys sockets that have not become ready in time; called once per probe interval. */
  dropStuckSockets(): void;
  /** One write that proves the server can be used. */
  probe(): Promise<void>;
}

export interface GateOptions {
  readonly connection: string;
  readonly failureThreshold: number;
  readonly probeIntervalMs: number;
  readonly maxInFlight: number;
}

/** Share of its time a call must have had for a missed deadline to speak against Redis. */
const TELLING_SHARE = 0.5;

/** Counters since the process started. */
export interface GateCounters {
  readonly calls: number;
  readonly failures: number;
  /** Calls answered without asking Redis: breaker open, too many under way, budget used up. */
  readonly rejected: number;
  readonly inFlight: number;
}

/**
 * The one way to Redis for everything on a request path: deadline → circuit breaker → counters.
 *
 * - No call waits longer than its deadline, or than what is left of its request's budget.
 * - After `failureThreshold` consecutive failures, or a lost connection, the breaker opens: calls fail
 *   at once, `redis.degraded` is emitted, the sockets are destroyed, and a probe runs every interval.
 * - A probe that succeeds closes it and emits `redis.recovered`.
 */
export class RedisGate {
  readonly #events: EventStream;
  readonly #link: GateLink;
  readonly #options: GateOptions;
  readonly #breaker: CircuitBreaker;
  readonly #recoveryListeners = new Set<() => void>();
  readonly #openingListeners = new Set<() => void>();
  readonly #counters = { calls: 0, failures: 0, rejected: 0, inFlight: 0 };
  #degradedSince: number | undefined;
  #trouble: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: GateOptions, link: GateLink, events: EventStream) {
    this.#options = options;
    this.#link = link;
    this.#events = events;
    this.#breaker = new CircuitBreaker(options.failureThreshold);
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  get isClosed(): boolean {
    return this.#breaker.state === 'closed';
  }

  /** Why it is not closed, as of the latest attempt: `READONLY`, `deadline`, …; never a host name. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get counters(): GateCounters {
    return { ...this.#counters };
  }

  /** Calls `listener` after every recovery. Returns the function that ends it. */
  onRecovered(listener: () => void): () => void {
    this.#recoveryListeners.add(listener);
    return () => this.#recoveryListeners.delete(listener);
  }

  /** Calls `listener` whenever the breaker opens, and when the gate stops. */
  onOpened(listener: () => void): void {
    this.#openingListeners.add(listener);
  }

  /**
   * Runs one command through the gate; it is told how many milliseconds it has.
   *
   * @throws RedisUnavailableError when there is no usable answer in time; any other error is the
   * server's own about the command
   */
  async run<T>(command: (limitMs: number) => Promise<T>, bounds: CallBounds): Promise<T> {
    const { deadlineMs, isSurvey = false, outsideBudget = isSurvey } = bounds;
    const budget = outsideBudget ? undefined : currentRequest()?.redisBudget;
    const limitMs = budget === undefined ? deadlineMs : Math.min(deadlineMs, budget.remainingMs);
    this.#admit(limitMs);
    budget?.start();
    try {
      const reply = await this.#send(command, limitMs);
      if (!isSurvey) this.#breaker.succeeded();
      return reply;
    } catch (error) {
      const fairMs = Math.min(deadlineMs, budget?.totalMs ?? Infinity);
      const isHasty = limitMs < fairMs * TELLING_SHARE;
      throw this.#failed(error, isSurvey ? 'survey' : isHasty ? 'hasty' : 'fair');
    } finally {
      budget?.stop();
    }
  }

  /** The connection is usable: asks it at once instead of waiting for the next probe. */
  linkUp(): void {
    if (!this.isClosed) void this.#probe();
  }

  /** The connection was lost: nothing can be sent until it is back. */
  linkDown(reason: string): void {
    this.#open(reason);
  }

  /** Says once that Redis is away at boot, and keeps probing. */
  startDegraded(reason: string): void {
    this.#trouble = reason;
    this.#announce(reason);
    this.#schedule();
  }

  /** For good: nothing is let through any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#breaker.open();
    this.#tellOpened();
  }

  #admit(limitMs: number): void {
    if (!this.isClosed) throw this.#reject('open');
    if (limitMs <= 0) throw this.#reject('budget');
    if (this.#counters.inFlight >= this.#options.maxInFlight) throw this.#reject('overloaded');
  }

  #reject(reason: 'open' | 'budget' | 'overloaded'): RedisUnavailableError {
    this.#counters.rejected += 1;
    return new RedisUnavailableError(reason);
  }

  /** In flight means: not settled by the client, even where nobody waits for it any more. */
  #send<T>(command: (limitMs: number) => Promise<T>, limitMs: number): Promise<T> {
    const work = command(limitMs);
    this.#counters.calls += 1;
    this.#counters.inFlight += 1;
    return withDeadline(work, limitMs, () => {
      this.#counters.inFlight -= 1;
    });
  }

  /** @param call `'hasty'`: it had but the rest of a budget, too little to say anything about Redis */
  #failed(error: unknown, call: 'fair' | 'hasty' | 'survey'): unknown {
    const reason = unavailableReason(error);
    if (reason === undefined) {
      if (call !== 'survey') this.#breaker.succeeded();
      return error;
    }
    this.#counters.failures += 1;
    const isExcused = call === 'survey' || (call === 'hasty' && reason === 'deadline');
    const opened = !isExcused && this.#breaker.failed();
    if (opened) this.#afterOpening(reason, failureWord(error));
    return new RedisUnavailableError(reason, { cause: error });
  }

  #open(reason: string): void {
    if (this.#breaker.open()) this.#afterOpening(reason, reason);
  }

  #afterOpening(reason: string, trouble: string): void {
    this.#trouble = trouble;
    this.#link.destroySockets();
    this.#announce(reason);
    this.#tellOpened();
    this.#schedule();
  }

  #tellOpened(): void {
    for (const listener of this.#openingListeners) listener();
  }

  #announce(reason: string): void {
    if (this.#stopped || this.#degradedSince !== undefined) return;
    this.#degradedSince = performance.now();
    this.#events.emit('redis.degraded', { connection: this.#options.connection, reason });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const jittered = this.#options.probeIntervalMs * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => void this.#probe(), jittered).unref();
  }

  async #probe(): Promise<void> {
    if (this.#stopped || this.#breaker.state === 'half-open') return;
    if (!this.#link.isReady()) {
      this.#link.dropStuckSockets();
      this.#schedule();
      return;
    }
    this.#breaker.halfOpen();
    try {
      await withDeadline(this.#link.probe(), this.#options.probeIntervalMs);
      this.#recovered();
    } catch (error) {
      // The outage is already announced; a failed probe only tells what stands in the way by now.
      this.#trouble = failureWord(error);
      this.#breaker.open();
      this.#link.destroySockets();
      this.#schedule();
    }
  }

  #recovered(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#breaker.close();
    this.#trouble = undefined;
    const since = this.#degradedSince;
    this.#degradedSince = undefined;
    for (const listener of this.#recoveryListeners) listener();
    if (since === undefined) return;
    const downMs = Math.round(performance.now() - since);
    this.#events.emit('redis.recovered', { connection: this.#options.connection, downMs });
  }
}
