import { z } from 'zod';
import { duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { QueueSettings } from './queue.driver.js';

/** Waits between the attempts of a job. */
export interface BackoffOptions {
  /** `exponential` doubles the wait with every attempt. @default 'exponential' */
  readonly type?: 'fixed' | 'exponential';
  /** Wait before the second attempt. @default '1s' */
  readonly delay?: Duration;
  /** The wait never grows beyond it. @default '5m' */
  readonly maxDelay?: Duration;
  /**
   * Share of the wait that is random, 0 to 1, so that retries do not come together.
   * @default 0.5
   */
  readonly jitter?: number;
}

/** Finished jobs that are kept. They are removed when another job of the queue finishes. */
export interface RetentionOptions {
  /** @default 1000 completed, 5000 failed */
  readonly count?: number;
  /** @default '1d' for completed, '7d' for failed */
  readonly age?: Duration;
}

/** How a queue works, unless a job says otherwise. */
export interface QueueDefaults {
  /** Times a job is tried before it fails for good. @default 3 */
  readonly attempts?: number;
  readonly backoff?: BackoffOptions;
  readonly completed?: RetentionOptions;
  readonly failed?: RetentionOptions;
  /**
   * A job whose worker gave no sign for so long is run again elsewhere. Workers renew it by
   * themselves; raise it where handlers block the event loop for longer. @default '30s'
   */
  readonly lease?: Duration;
  /** How often such jobs are looked for. @default '30s' */
  readonly stalledInterval?: Duration;
}

/** One queue with what it does differently. */
export interface NamedQueueOptions extends QueueDefaults {
  /** Letters, digits and `_ . -`. */
  readonly name: string;
}

/** Options of `QueueModule.forRoot`. */
export interface QueueOptions extends QueueDefaults {
  /** Queues that exist; more may be declared by `registerQueue` and `@JobProcessor`. @default [] */
  readonly queues?: readonly (string | NamedQueueOptions)[];
  /**
   * What `enqueue` does while the backend is away: refuse, or keep up to `maxBuffered` jobs in
   * memory and store them afterwards. @default 'reject'
   */
  readonly onBackendDown?: 'reject' | 'buffer';
  /** @default 1000 */
  readonly maxBuffered?: number;
  /**
   * Longest wait for the backend in one call, of a request at most what is left of its budget.
   * @default '1s'
   */
  readonly deadline?: Duration;
  /** How long running jobs may go on when the application shuts down. @default '10s' */
  readonly shutdownTimeout?: Duration;
  /** Largest payload, as JSON. @default 1 MiB */
  readonly maxPayloadBytes?: number;
  /** PostgreSQL that keeps the queues where no Redis is configured: `postgres://…`. */
  readonly databaseUrl?: string;
  /**
   * Folder of the embedded database that keeps the queues where neither Redis nor `databaseUrl` is
   * configured; for one process at a time. `memory://` keeps nothing. @default '.data/queue'
   */
  readonly dataDir?: string;
}

/** BullMQ keeps a priority in 21 bits. */
export const MAX_PRIORITY = 2_097_151;

const jitter = z.number('must be a number').min(0, 'must be 0 to 1').max(1, 'must be 0 to 1');

const backoffShape = {
  type: z.enum(['fixed', 'exponential']).exactOptional(),
  delay: duration().exactOptional(),
  maxDelay: duration().exactOptional(),
  jitter: jitter.exactOptional(),
};

const retention = z.strictObject({
  count: z.int().min(0, 'must not be negative').exactOptional(),
  age: duration().exactOptional(),
});

const defaultsShape = {
  attempts: positiveInteger().max(100, 'must be at most 100').exactOptional(),
  backoff: z.strictObject(backoffShape).exactOptional(),
  completed: retention.exactOptional(),
  failed: retention.exactOptional(),
  lease: duration().exactOptional(),
  stalledInterval: duration().exactOptional(),
};

const queueName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,100}$/, 'may hold letters, digits and _ . - (at most 100)');

const namedQueue = z.strictObject({ name: queueName, ...defaultsShape });

const schema = z.strictObject({
  ...defaultsShape,
  queues: z.array(z.union([queueName, namedQueue])).default([]),
  onBackendDown: z.enum(['reject', 'buffer']).default('reject'),
  maxBuffered: positiveInteger().default(1_000),
  deadline: duration().prefault('1s'),
  shutdownTimeout: duration().prefault('10s'),
  maxPayloadBytes: positiveInteger().default(1_048_576),
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://')
    .optional(),
  dataDir: z.string().min(1, 'must be a folder').default('.data/queue'),
});

type ParsedDefaults = Omit<z.output<typeof namedQueue>, 'name'>;

const FACTORY: QueueSettings = {
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 1_000, maxDelayMs: 300_000, jitter: 0.5 },
  completed: { count: 1_000, ageMs: 86_400_000 },
  failed: { count: 5_000, ageMs: 7 * 86_400_000 },
  leaseMs: 30_000,
  stalledIntervalMs: 30_000,
};

export interface NamedQueueSettings {
  readonly name: string;
  readonly settings: QueueSettings;
}

export interface ResolvedQueueOptions {
  readonly defaults: QueueSettings;
  readonly queues: readonly NamedQueueSettings[];
  readonly onBackendDown: 'reject' | 'buffer';
  readonly maxBuffered: number;
  readonly deadlineMs: number;
  readonly shutdownTimeoutMs: number;
  readonly maxPayloadBytes: number;
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
}

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveQueueOptions(options: QueueOptions): ResolvedQueueOptions {
  const { queues, deadline, shutdownTimeout, databaseUrl, ...rest } = parseOptions(
    schema,
    options,
    'queue',
  );
  const defaults = withDefaults(rest, FACTORY);
  return {
    ...rest,
    databaseUrl,
    defaults,
    queues: queues.map((queue) =>
      typeof queue === 'string'
        ? { name: queue, settings: defaults }
        : { name: queue.name, settings: withDefaults(queue, defaults) },
    ),
    deadlineMs: deadline,
    shutdownTimeoutMs: shutdownTimeout,
  };
}

/** The same for one queue that is declared later. @throws InvalidOptionError */
export function resolveNamedQueue(
  options: string | NamedQueueOptions,
  defaults: QueueSettings,
): NamedQueueSettings {
  const given = typeof options === 'string' ? { name: options } : options;
  const { name, ...rest } = parseOptions(namedQueue, given, `queue ${given.name}`);
  return { name, settings: withDefaults(rest, defaults) };
}

function withDefaults(given: ParsedDefaults, base: QueueSettings): QueueSettings {
  return {
    attempts: given.attempts ?? base.attempts,
    backoff: {
      type: given.backoff?.type ?? base.backoff.type,
      delayMs: given.backoff?.delay ?? base.backoff.delayMs,
      maxDelayMs: given.backoff?.maxDelay ?? base.backoff.maxDelayMs,
      jitter: given.backoff?.jitter ?? base.backoff.jitter,
    },
    completed: keep(given.completed, base.completed),
    failed: keep(given.failed, base.failed),
    leaseMs: given.lease ?? base.leaseMs,
    stalledIntervalMs: given.stalledInterval ?? base.stalledIntervalMs,
  };
}

function keep(given: ParsedDefaults['completed'], base: QueueSettings['completed']) {
  return { count: given?.count ?? base.count, ageMs: given?.age ?? base.ageMs };
}
