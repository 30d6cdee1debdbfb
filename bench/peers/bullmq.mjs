/**
 * `Queue` and `Worker` as in https://docs.bullmq.io/readme-1, with the job options that are ours by
 * default: BullMQ's own are no priority, one attempt, and to keep every job for ever.
 */
import { Queue, Worker } from 'bullmq';
import { enqueueOperation, processOperation } from '../operations/jobs.mjs';
import { JOB, QUEUE, WORKERS } from '../settings.mjs';

const DAY_S = 86_400;
const defaultJobOptions = {
  priority: 100,
  attempts: 3,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: { count: 1_000, age: DAY_S },
  removeOnFail: { count: 5_000, age: 7 * DAY_S },
};

export async function enqueue(redisUrl) {
  const queue = open(redisUrl);
  return enqueueOperation({
    add: (payload) => queue.add(JOB, payload),
    count: async () => (await queue.getJobCounts('prioritized')).prioritized,
  });
}

export function process(redisUrl) {
  const queue = open(redisUrl);
  return processOperation({
    add: (payload) => queue.add(JOB, payload),
    async work(handler) {
      const options = { connection: { url: redisUrl }, concurrency: WORKERS };
      const worker = new Worker(QUEUE, async ({ data }) => handler(data), options);
      await worker.waitUntilReady();
    },
    completed: () => queue.getCompletedCount(),
  });
}

function open(redisUrl) {
  return new Queue(QUEUE, { connection: { url: redisUrl }, defaultJobOptions });
}
