import type { QueueConsumer } from '../queue.driver.js';
import type { BullWorker } from './bull-backend.js';
import { settlesWithin } from './bounded.js';
import { WatchedWorker, type WatchedWorkerPlan } from './watched-worker.js';
import '../queue.events.js';

export interface SupervisedWorkerPlan extends WatchedWorkerPlan {
  /** Silence after which a worker is replaced. @default 30000 */
  readonly stuckAfterMs?: number;
}

const STUCK_AFTER_MS = 30_000;

/** What closing may take beyond waiting for jobs. */
const CLOSE_MS = 2_000;

/**
 * A BullMQ worker that is watched. BullMQ's `isRunning()` stays true and no event comes when a
 * worker's connection is stuck, so this one keeps its own heartbeat. A worker that is silent while
 * the backend is up and it has room for jobs is replaced, with everything that is known of it.
 */
export class SupervisedWorker implements QueueConsumer {
  readonly #plan: SupervisedWorkerPlan;
  readonly #watch: NodeJS.Timeout;
  readonly #stuckAfterMs: number;
  #current: WatchedWorker;
  #isClosing = false;

  constructor(plan: SupervisedWorkerPlan) {
    this.#plan = plan;
    this.#stuckAfterMs = plan.stuckAfterMs ?? STUCK_AFTER_MS;
    this.#current = new WatchedWorker(plan);
    this.#watch = setInterval(() => this.#check(), this.#stuckAfterMs / 4).unref();
  }

  get active(): number {
    return this.#current.active;
  }

  get silentMs(): number {
    return this.#current.silentMs;
  }

  async close(drainMs: number): Promise<boolean> {
    this.#isClosing = true;
    clearInterval(this.#watch);
    const current = this.#current;
    const isClosed = await closeWorker(current.worker, drainMs, () => current.active > 0);
    // Without a job, only the connection did not end in time.
    return isClosed || current.active === 0;
  }

  #check(): void {
    const isSaturated = this.active >= this.#plan.concurrency;
    if (isSaturated || !this.#plan.backend.isUp) {
      this.#current.beat();
      return;
    }
    const { silentMs } = this;
    if (silentMs < this.#stuckAfterMs || this.#isClosing) return;
    this.#plan.events.emit('queue.worker-restarted', { queue: this.#plan.queue, silentMs });
    void closeWorker(this.#current.worker, 0);
    this.#current = new WatchedWorker(this.#plan);
  }
}

/**
 * Stops fetching and waits for running jobs, no longer than `drainMs`, or a moment where there is
 * none and none came with the last answer; then tells their handlers to stop, lets go of their
 * locks and ends the connection without them. Never rejects. Resolves to whether all jobs ended.
 */
export async function closeWorker(
  worker: BullWorker,
  drainMs: number,
  isBusy = (): boolean => true,
): Promise<boolean> {
  stayDisconnected(worker);
  // Not `close()`: while that waits for jobs it renews their locks, and it cannot be hurried any
  // more.
  const drained = worker.pause();
  const firstMs = Math.min(drainMs, CLOSE_MS);
  let isDrained = await settlesWithin(drained, firstMs);
  if (!isDrained && isBusy()) isDrained = await settlesWithin(drained, drainMs - firstMs);
  if (!isDrained) {
    worker.cancelAllJobs('the worker is shutting down');
    isDrained = await settlesWithin(drained, CLOSE_MS / 4);
  }
  // Forced, because there is nothing left to wait for: it would only end the blocking client again.
  const isClosed = await settlesWithin(worker.close(true), CLOSE_MS / 2);
  return isDrained && isClosed;
}

/**
 * To be paused, BullMQ ends the blocking client, waits for its event `end` and connects it again.
 * On a cluster ioredis tells `end` for the first node that closed and goes back to the status
 * `close` with each of the others: BullMQ then waits for ever for a client that is not connecting.
 * A worker that is closed needs neither, so it does not wait for the one and leaves out the other.
 */
function stayDisconnected(worker: BullWorker): void {
  const backend = worker.getBackend();
  const disconnect = backend.disconnectBlocking.bind(backend);
  backend.disconnectBlocking = () => disconnect(false);
  backend.reconnectBlocking = async () => undefined;
}
