import { runOutsideRequests } from '../../../common/context/index.js';
import { CacheWriteQueueFullError } from '../cache.errors.js';
import type { ResolvedWriteBehindOptions } from './write-behind.options.js';

/** One value on its way to its source. */
export interface PendingWrite {
  readonly key: string;
  readonly value: unknown;
  /** @throws whatever the source throws */
  readonly run: () => Promise<unknown>;
}

/** A write that failed so often. */
export interface FailedWrite {
  readonly write: PendingWrite;
  readonly attempts: number;
  readonly error: unknown;
}

export interface WriteQueueOptions extends ResolvedWriteBehindOptions {
  readonly onRetried: (failed: FailedWrite) => void;
  readonly onGivenUp: (failed: FailedWrite) => void;
}

const LONGEST_BACK_OFF_MS = 60_000;

/** What is to be done for one key. */
interface Lane {
  readonly key: string;
  /** Somebody is about to put a write here. */
  isHeld: boolean;
  waiting: PendingWrite | undefined;
  running: PendingWrite | undefined;
  /** Of the one that waits. */
  failures: number;
  timer: NodeJS.Timeout | undefined;
  readonly onIdle: (() => void)[];
}

/**
 * Writes of this process: those of one key one at a time and in order, of which only the latest that
 * waits is kept; a bounded number of keys. What fails is tried again with growing pauses.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  /** Keys whose write may start, longest first. */
  readonly #ready = new Set<string>();
  readonly #waitingForRoom: (() => void)[] = [];
  #running = 0;
  #state: 'open' | 'draining' | 'over' = 'open';

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /**
   * Keeps a place for the key, which `put` or `leave` takes up. `false`: the queue is being drained,
   * and there is none.
   *
   * @throws CacheWriteQueueFullError
   */
  async enter(key: string): Promise<boolean> {
    const { maxPending, whenFull } = this.#options;
    while (this.#state === 'open' && !this.#lanes.has(key) && this.#lanes.size >= maxPending) {
      if (whenFull === 'reject') throw new CacheWriteQueueFullError(key, maxPending);
      await new Promise<void>((resolve) => void this.#waitingForRoom.push(resolve));
    }
    if (this.#state !== 'open') return false;
    this.#laneOf(key).isHeld = true;
    return true;
  }

  leave(key: string): void {
    const lane = this.#laneOf(key);
    lane.isHeld = false;
    this.#removeIdle(lane);
  }

  /**
   * Whatever waits under its key is not written any more. `false`: the time to drain the queue is
   * over, and nobody will write it.
   */
  put(write: PendingWrite): boolean {
    if (this.#state === 'over') return false;
    const lane = this.#laneOf(write.key);
    const isFirst = lane.waiting === undefined;
    lane.isHeld = false;
    lane.waiting = write;
    lane.failures = 0;
    if (isFirst && lane.running === undefined) this.#schedule(lane, this.#delayMs);
    return true;
  }

  /** Resolves when nothing of the key is left to be written. */
  async whenIdle(key: string): Promise<void> {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) await new Promise<void>((resolve) => void lane.onIdle.push(resolve));
  }

  /** Takes no more, and writes what is left, without delay. What is not written in time is given up. */
  async drain(withinMs: number, reasonOf: (key: string) => Error): Promise<void> {
    this.#state = 'draining';
    for (const wake of this.#waitingForRoom.splice(0)) wake();
    for (const lane of this.#lanes.values()) this.#hurry(lane);
    const allIdle = Promise.all([...this.#lanes.keys()].map((key) => this.whenIdle(key)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, withinMs)));
    await Promise.race([allIdle, late]);
    clearTimeout(timer);
    this.#state = 'over';
    for (const lane of this.#lanes.values()) this.#giveUp(lane, reasonOf(lane.key));
  }

  get #delayMs(): number {
    return this.#state === 'open' ? this.#options.delayMs : 0;
  }

  #laneOf(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = {
      key,
      isHeld: false,
      waiting: undefined,
      running: undefined,
      failures: 0,
      timer: undefined,
      onIdle: [],
    };
    this.#lanes.set(key, lane);
    return lane;
  }

  #schedule(lane: Lane, inMs: number): void {
    if (this.#state === 'over') return;
    if (inMs > 0) {
      lane.timer = setTimeout(() => this.#hurry(lane), inMs).unref();
      return;
    }
    this.#ready.add(lane.key);
    this.#start();
  }

  /** Ends the pause of a key. */
  #hurry(lane: Lane): void {
    if (lane.timer === undefined) return;
    clearTimeout(lane.timer);
    lane.timer = undefined;
    this.#schedule(lane, 0);
  }

  #start(): void {
    for (const key of this.#ready) {
      if (this.#running >= this.#options.concurrency) return;
      this.#ready.delete(key);
      const lane = this.#lanes.get(key);
      if (lane?.waiting !== undefined) void this.#run(lane, lane.waiting);
    }
  }

  async #run(lane: Lane, write: PendingWrite): Promise<void> {
    lane.waiting = undefined;
    lane.running = write;
    this.#running += 1;
    try {
      // On nobody's budget: who asked for it does not wait.
      await runOutsideRequests(write.run);
      lane.failures = 0;
      this.#next(lane, 0);
    } catch (error) {
      this.#failed(lane, { write, attempts: lane.failures + 1, error });
    }
  }

  #failed(lane: Lane, failed: FailedWrite): void {
    const { attempts: most, backOffMs, onRetried, onGivenUp } = this.#options;
    const { attempts, write } = failed;
    if (this.#state === 'over') return;
    const isReplaced = lane.waiting !== undefined;
    if (!isReplaced && attempts >= most) {
      onGivenUp(failed);
      this.#next(lane, 0);
      return;
    }
    onRetried(failed);
    lane.waiting ??= write;
    lane.failures = isReplaced ? 0 : attempts;
    const pauseMs = Math.min(LONGEST_BACK_OFF_MS, backOffMs * 2 ** (attempts - 1));
    this.#next(lane, pauseMs * (0.5 + Math.random() / 2));
  }

  #next(lane: Lane, inMs: number): void {
    lane.running = undefined;
    this.#running -= 1;
    if (lane.waiting !== undefined) this.#schedule(lane, inMs);
    this.#removeIdle(lane);
    this.#start();
  }

  #removeIdle(lane: Lane): void {
    if (lane.isHeld || lane.waiting !== undefined || lane.running !== undefined) return;
    this.#lanes.delete(lane.key);
    for (const tell of lane.onIdle) tell();
    this.#waitingForRoom.shift()?.();
  }

  #giveUp(lane: Lane, error: Error): void {
    clearTimeout(lane.timer);
    const write = lane.waiting ?? lane.running;
    if (write !== undefined) {
      this.#options.onGivenUp({ write, attempts: lane.failures, error });
    }
    this.#lanes.delete(lane.key);
    for (const tell of lane.onIdle) tell();
  }
}
