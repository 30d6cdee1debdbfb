import type { EventStream } from '../../../common/events/index.js';
import type { Backing } from '../../../common/status/index.js';
import type {
  AddedJob,
  CleanRequest,
  JobCounts,
  JobHandler,
  JobLease,
  JobRange,
  JobRecord,
  JobState,
  NewJob,
  QueueConsumer,
  QueueDriver,
  QueueSettings,
} from '../queue.driver.js';
import {
  type BullBackend,
  BullConnection,
  type BullLibrary,
  type BullJob,
  type BullQueue,
} from './bull-backend.js';
import { BullProducer } from './bull-producer.js';
import { BULL_STATES, partsOf } from './bull-states.js';
import { bullDefaults, toRecord, toState } from './job-records.js';
import { errorCode } from './error-code.js';
import { DeferredConsumer } from './deferred-consumer.js';
import { ManualConsumer } from './manual-consumer.js';
import { settlesWithin } from './bounded.js';
import { SupervisedWorker } from './supervised-worker.js';
import { isReservedJobId } from '../reserved-job-ids.js';

export interface BullQueueDriverPlan {
  readonly bull: BullLibrary;
  readonly backend: BullBackend;
  readonly events: EventStream;
  readonly settingsOf: (queue: string) => QueueSettings;
}

/** BullMQ's error codes: the job does not exist; it is not in the state the operation needs. */
const JOB_ABSENT = -1;
const JOB_IN_OTHER_STATE = -3;

/** Longest wait for a queue's connections to end. */
const CLOSE_MS = 2_000;

/**
 * Queues on BullMQ (https://docs.bullmq.io), on any backend it has.
 *
 * `Queue` and `Worker` are made here and not by `@nestjs/bullmq`: that gives workers the fail-fast
 * connection of the queue, knows one backend a process, closes queues under jobs that still
 * enqueue, and waits for workers without limit. Its tokens and hosts work all the same; see
 * `bull-hosts.ts`.
 */
export class BullQueueDriver implements QueueDriver {
  readonly #plan: BullQueueDriverPlan;
  readonly #producer: BullProducer;
  readonly #queues = new Map<string, BullQueue>();
  readonly #manual = new Map<string, ManualConsumer>();
  readonly #consumers = new Set<Pick<QueueConsumer, 'close'>>();

  constructor(plan: BullQueueDriverPlan) {
    this.#plan = plan;
    this.#producer = new BullProducer({ ...plan, queueOf: (name) => this.bullQueue(name) });
  }

  get backing(): Backing {
    return this.#plan.backend.backing;
  }

  get isServing(): boolean {
    return this.#plan.backend.isUp;
  }

  get isStarted(): boolean {
    return this.#plan.backend.isStarted;
  }

  add(queue: string, job: NewJob): Promise<AddedJob> {
    return this.#producer.add(queue, job);
  }

  addAll(queue: string, jobs: readonly NewJob[]): Promise<void> {
    return this.#producer.addAll(queue, jobs);
  }

  async counts(queue: string): Promise<JobCounts> {
    const counts = await this.#survey(queue, (bull) =>
      bull.getJobCounts(...Object.values(BULL_STATES).flat()),
    );
    const sum = (state: JobState): number =>
      BULL_STATES[state].reduce((total, name) => total + (counts[name] ?? 0), 0);
    return {
      waiting: sum('waiting'),
      active: sum('active'),
      delayed: sum('delayed'),
      completed: sum('completed'),
      failed: sum('failed'),
    };
  }

  isPaused(queue: string): Promise<boolean> {
    return this.#run(queue, (bull) => bull.isPaused());
  }

  pause(queue: string): Promise<void> {
    return this.#run(queue, (bull) => bull.pause());
  }

  resume(queue: string): Promise<void> {
    return this.#run(queue, (bull) => bull.resume());
  }

  async find(queue: string, id: string): Promise<JobRecord | undefined> {
    const job = await this.#job(queue, id);
    if (job === undefined) return undefined;
    const state = toState(await this.#run(queue, (bull) => bull.getJobState(id)));
    return state === undefined ? undefined : toRecord(queue, job, state);
  }

  /** Loads no more than the range, however far that is from the first job. */
  async list(queue: string, state: JobState, range: JobRange): Promise<readonly JobRecord[]> {
    const isFinished = state === 'completed' || state === 'failed';
    const names = BULL_STATES[state];
    const { newestFirst } = this.#plan.backend;
    const counts = await this.#survey(queue, (bull) => bull.getJobCounts(...names));
    const lists = await Promise.all(
      // One state at a time: asked for two, BullMQ applies the range to each of them.
      partsOf(range, names, { counts, newestFirst }).map(({ name, from, to }) =>
        this.#survey(queue, (bull) => bull.getJobs([name], from, to, !isFinished)),
      ),
    );
    return lists.flat().map((job) => toRecord(queue, job, state));
  }

  async remove(queue: string, id: string): Promise<'removed' | 'absent' | 'active'> {
    if ((await this.#job(queue, id)) === undefined) return 'absent';
    const removed = await this.#run(queue, (bull) => bull.remove(id));
    return removed === 1 ? 'removed' : 'active';
  }

  async retry(queue: string, id: string): Promise<'retried' | 'absent' | 'not-failed'> {
    const job = await this.#job(queue, id);
    if (job === undefined) return 'absent';
    try {
      const reset = { resetAttemptsMade: true, resetAttemptsStarted: true };
      await this.#run(queue, () => job.retry('failed', reset));
      return 'retried';
    } catch (error) {
      const code = errorCode(error);
      if (code === JOB_IN_OTHER_STATE) return 'not-failed';
      if (code === JOB_ABSENT) return 'absent';
      throw error;
    }
  }

  async clean(queue: string, request: CleanRequest): Promise<number> {
    const { olderThanMs, limit, state } = request;
    let removed = 0;
    for (const name of BULL_STATES[state]) {
      if (removed >= limit) break;
      const left = limit - removed;
      const ids = await this.#run(queue, (bull) => bull.clean(olderThanMs, left, name));
      removed += ids.length;
    }
    return removed;
  }

  take(queue: string, timeoutMs: number): Promise<JobLease | undefined> {
    const { bull, backend, settingsOf } = this.#plan;
    const existing = this.#manual.get(queue);
    if (existing !== undefined) return existing.take(timeoutMs);
    const created = new ManualConsumer({ bull, backend, queue, settings: settingsOf(queue) });
    this.#manual.set(queue, created);
    return created.take(timeoutMs);
  }

  async consume(queue: string, handler: JobHandler, concurrency: number): Promise<QueueConsumer> {
    const settings = this.#plan.settingsOf(queue);
    const plan = { ...this.#plan, queue, settings, handler, concurrency };
    const { awake } = this.#plan.backend;
    const consumer = new DeferredConsumer(awake, () => new SupervisedWorker(plan));
    this.#consumers.add(consumer);
    return consumer;
  }

  async drain(drainMs: number): Promise<boolean> {
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    const ended = await Promise.all(consumers.map((consumer) => consumer.close(drainMs)));
    return ended.every(Boolean);
  }

  async close(): Promise<void> {
    const queues = [...this.#queues.values()].map((queue) => queue.close());
    const manual = [...this.#manual.values()].map((consumer) => consumer.close());
    await settlesWithin(Promise.allSettled([...queues, ...manual]), CLOSE_MS);
    await settlesWithin(this.#plan.backend.close(), CLOSE_MS);
  }

  /** The BullMQ queue of that name, for code that uses BullMQ directly; with our defaults. */
  bullQueue(name: string): BullQueue {
    const existing = this.#queues.get(name);
    if (existing !== undefined) return existing;
    const { bull, backend, settingsOf } = this.#plan;
    const queue: BullQueue = new bull.Queue(
      name,
      {
        connection: new BullConnection(backend, 'producer', {
          settingsOf,
          adopt: (consumer) => this.#consumers.add(consumer),
        }),
        prefix: backend.prefix(name),
        defaultJobOptions: bullDefaults(settingsOf(name)),
        skipMetasUpdate: true,
      },
      backend.factory,
    );
    // Errors of the connection reach callers through the operations they wait for.
    queue.on('error', () => undefined);
    this.#queues.set(name, queue);
    return queue;
  }

  #run<T>(queue: string, operation: (bull: BullQueue) => Promise<T>): Promise<T> {
    return this.#plan.backend.run(() => operation(this.bullQueue(queue)));
  }

  /** For operators: how much there is to look at says nothing about the backend. */
  #survey<T>(queue: string, operation: (bull: BullQueue) => Promise<T>): Promise<T> {
    return this.#plan.backend.run(() => operation(this.bullQueue(queue)), { isSurvey: true });
  }

  async #job(queue: string, id: string): Promise<BullJob | undefined> {
    if (isReservedJobId(id)) return undefined;
    return this.#run(queue, (bull) => bull.getJob(id));
  }
}
