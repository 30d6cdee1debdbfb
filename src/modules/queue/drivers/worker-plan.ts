import type { WorkerOptions } from 'bullmq';
import type { QueueSettings } from '../queue.driver.js';
import { type BullBackend, BullConnection } from './bull-backend.js';
import { storedBackoffMs } from './job-records.js';

/** Wait after an error in fetching, in ms; BullMQ's own 15 s would outlast most outages. */
const RUN_RETRY_MS = 1_000;

/** How long an idle worker blocks, in seconds. */
const DRAIN_DELAY_S = 5;

/** Options every worker of a queue has, whoever makes it. */
export function workerOptions(
  backend: BullBackend,
  role: BullConnection['role'],
  queue: { readonly name: string; readonly settings: QueueSettings },
): WorkerOptions<BullConnection> {
  const { settings } = queue;
  return {
    connection: new BullConnection(backend, role),
    prefix: backend.prefix(queue.name),
    drainDelay: DRAIN_DELAY_S,
    runRetryDelay: RUN_RETRY_MS,
    lockDuration: settings.leaseMs,
    stalledInterval: settings.stalledIntervalMs,
    maxStalledCount: settings.attempts,
    settings: {
      backoffStrategy: (...[attemptsMade, , , job]) =>
        storedBackoffMs(attemptsMade, job?.opts.backoff, settings.backoff),
    },
  };
}
