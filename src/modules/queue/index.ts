export type { EnqueueOptions, JobPriority } from './job-options.js';
export { QueueAdminController } from './queue.controller.js';
export { JobProcessor, type JobProcessorOptions, OnJob } from './queue.decorators.js';
export { QueueDriver } from './queue.driver.js';
export type {
  AddedJob,
  CleanRequest,
  JobBackoff,
  JobCounts,
  JobHandler,
  JobLease,
  JobRange,
  JobRecord,
  JobState,
  NewJob,
  QueueConsumer,
  RunningJob,
} from './queue.driver.js';
export {
  DuplicateJobHandlerError,
  JobAttemptsExhaustedError,
  PermanentJobError,
  QueueBackendDownError,
  QueueBufferFullError,
  QueueUnknownError,
  QueueUnknownJobError,
} from './queue.errors.js';
export { QUEUE_DATA } from './queue.keys.js';
export { QueueModule } from './queue.module.js';
export type {
  BackoffOptions,
  NamedQueueOptions,
  QueueDefaults,
  QueueOptions,
  RetentionOptions,
} from './queue.options.js';
export {
  type CleanOptions,
  type DequeueOptions,
  type ListOptions,
  QueueService,
  type QueueStatus,
} from './queue.service.js';
export { QueueWorkers, type WorkerStatus } from './queue-workers.service.js';
// As a whole: TypeScript merges declarations with what `export *` passes on.
export type * from './queue.registry.js';
