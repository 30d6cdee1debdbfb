import type { EventStream } from '../../common/events/index.js';
import type { JobIntake } from './job-intake.js';
import type { AddedJob, NewJob, QueueDriver } from './queue.driver.js';
import { QueueBackendDownError, QueueBufferFullError } from './queue.errors.js';
import './queue.events.js';
import { ReplayLine } from './replay-line.js';

export interface BufferedIntakeOptions {
  readonly maxBuffered: number;
  /** Time between attempts to store the first of them. @default 250 */
  readonly retryMs?: number;
}

/**
 * The policy `buffer`: while the backend is away, jobs are kept in this process and stored once it
 * is back, under the ids they were accepted with. So each accepted job is stored once, even where
 * the answer to a first attempt was lost. What the process holds when it dies is lost.
 *
 * Jobs of one queue keep their order, others have nothing to do with them. A job is kept only while
 * others of its queue wait to be sent. While the last of these are under way it waits for their
 * answer and is stored directly: otherwise jobs that come steadily would be kept for ever.
 */
export class BufferedIntake implements JobIntake {
  readonly #driver: QueueDriver;
  readonly #events: EventStream;
  readonly #max: number;
  readonly #retryMs: number;
  readonly #lines = new Map<string, ReplayLine>();
  #isClosing = false;

  constructor(driver: QueueDriver, events: EventStream, options: BufferedIntakeOptions) {
    this.#driver = driver;
    this.#events = events;
    this.#max = options.maxBuffered;
    this.#retryMs = options.retryMs ?? 250;
  }

  get buffered(): number {
    let sum = 0;
    for (const line of this.#lines.values()) sum += line.size;
    return sum;
  }

  get isBridging(): boolean {
    return !this.#isClosing && this.buffered < this.#max;
  }

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    const line = this.#lines.get(queue);
    while (line?.isWaiting === false && line.flight !== undefined) await line.flight;
    if (line?.isWaiting === true || !this.#driver.isServing) return this.#keep(queue, job);
    try {
      return await this.#driver.add(queue, job);
    } catch (error) {
      if (!(error instanceof QueueBackendDownError)) throw error;
      return this.#keep(queue, job, error);
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const lines = [...this.#lines.values()];
    for (const line of lines) line.stop();
    await Promise.all(lines.map((line) => line.replay()));
    const { buffered } = this;
    if (buffered > 0) this.#events.emit('queue.buffer-lost', { count: buffered });
  }

  #keep(queue: string, job: NewJob, cause?: QueueBackendDownError): AddedJob {
    // Nobody would come back for it: refused, as without a buffer.
    if (this.#isClosing) throw cause ?? new QueueBackendDownError('not-executed', job.id);
    if (!this.isBridging) throw new QueueBufferFullError(this.#max);
    this.#line(queue).push(job);
    return { id: job.id, status: 'buffered' };
  }

  #line(queue: string): ReplayLine {
    const existing = this.#lines.get(queue);
    if (existing !== undefined) return existing;
    const created = new ReplayLine({
      store: (jobs) => this.#driver.addAll(queue, jobs),
      isServing: () => this.#driver.isServing,
      replayed: (count) => this.#events.emit('queue.replayed', { count }),
      lost: (error) => this.#tellLost(error),
      retryMs: this.#retryMs,
    });
    this.#lines.set(queue, created);
    return created;
  }

  #tellLost(error: unknown): void {
    process.emitWarning(`A buffered job was lost: ${String(error)}`, 'BackplaneQueueWarning');
    this.#events.emit('queue.buffer-lost', { count: 1 });
  }
}
