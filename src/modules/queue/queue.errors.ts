import { BackplaneError, type ErrorCode } from '../../common/errors/index.js';

/**
 * What keeps the jobs cannot be reached, or gave no answer in time.
 *
 * With `outcome: 'unknown'` the operation may have taken effect, or may still: enqueue again with
 * the same `jobId`, which adds the job once at most.
 */
export class QueueBackendDownError extends BackplaneError {
  readonly code = 'E_QUEUE_BACKEND_DOWN';

  constructor(
    readonly outcome: 'not-executed' | 'unknown',
    /** Of the job that was to be enqueued. */
    readonly jobId?: string,
    options?: { readonly cause?: unknown },
  ) {
    super(
      outcome === 'unknown'
        ? 'The queue backend gave no answer in time: whether the operation took effect is unknown. ' +
            'Enqueue again with the same jobId to be sure.'
        : 'The queue backend is away, nothing was done. Try again later, or set onBackendDown to ' +
            '"buffer" to keep jobs in memory meanwhile.',
      options,
    );
  }
}

/**
 * The policy is `buffer`, and as many jobs wait for the backend as are allowed to: not accepted.
 */
export class QueueBufferFullError extends BackplaneError {
  readonly code = 'E_QUEUE_BUFFER_FULL';

  constructor(readonly limit: number) {
    super(
      `The queue backend is away and ${limit} jobs wait for it already. ` +
        `Try again later, or raise maxBuffered.`,
    );
  }
}

/** No queue of that name was declared. */
export class QueueUnknownError extends BackplaneError {
  readonly code = 'E_QUEUE_UNKNOWN';

  constructor(readonly queue: string) {
    super(
      `There is no queue "${queue}". Declare it with QueueModule.registerQueue("${queue}"), in the ` +
        `"queues" of QueueModule.forRoot, or with @JobProcessor("${queue}").`,
    );
  }
}

/**
 * Throw it in a handler when trying again is pointless: the job fails for good, whatever attempts
 * it has left.
 */
export class PermanentJobError extends BackplaneError {
  readonly code: ErrorCode = 'E_QUEUE_JOB_PERMANENT';
}

/** A job's name has no handler on a queue that is processed; the job fails for good. */
export class QueueUnknownJobError extends PermanentJobError {
  override readonly code = 'E_QUEUE_UNKNOWN_JOB';

  constructor(
    readonly queue: string,
    readonly job: string,
  ) {
    super(
      `E_QUEUE_UNKNOWN_JOB: queue "${queue}" has no handler for the job "${job}". ` +
        `Add a method with @OnJob("${job}") and retry the job.`,
    );
  }
}

/** A job was started as often as it may be without ever ending: its workers died or hung. */
export class JobAttemptsExhaustedError extends PermanentJobError {
  override readonly code = 'E_QUEUE_ATTEMPTS_EXHAUSTED';

  constructor(readonly attempts: number) {
    super(
      `E_QUEUE_ATTEMPTS_EXHAUSTED: the job was started ${attempts} times and its worker died or hung ` +
        `each time it did not fail by itself.`,
    );
  }
}

/** Two methods handle the same job of the same queue. */
export class DuplicateJobHandlerError extends BackplaneError {
  readonly code = 'E_QUEUE_DUPLICATE_HANDLER';

  constructor(
    readonly queue: string,
    readonly job: string,
  ) {
    super(`The job "${job}" of queue "${queue}" has two @OnJob methods. Keep one of them.`);
  }
}
