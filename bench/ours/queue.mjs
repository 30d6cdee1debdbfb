import { Module } from '@nestjs/common';
import { JobProcessor, OnJob, QueueModule, QueueService } from '../../dist/modules/queue/index.js';
import { enqueueOperation, processOperation } from '../operations/jobs.mjs';
import { JOB, QUEUE, WORKERS } from '../settings.mjs';
import { applicationContext } from './context.mjs';

const MODULE = QueueModule.forRoot({ queues: [QUEUE] });

export async function enqueue(redisUrl) {
  const queues = (await applicationContext(redisUrl, MODULE)).get(QueueService);
  return enqueueOperation({
    add: (payload) => queues.enqueue(QUEUE, JOB, payload),
    count: async () => (await queues.counts(QUEUE)).waiting,
  });
}

export function process(redisUrl) {
  let queues;
  return processOperation({
    add: (payload) => queues.enqueue(QUEUE, JOB, payload),
    async work(handler) {
      queues = (await applicationContext(redisUrl, withProcessor(handler))).get(QueueService);
    },
    completed: async () => (await queues.counts(QUEUE)).completed,
  });
}

function withProcessor(handler) {
  class Processor {
    async run(payload) {
      handler(payload);
    }
  }
  const method = Object.getOwnPropertyDescriptor(Processor.prototype, 'run');
  OnJob(JOB)(Processor.prototype, 'run', method);
  JobProcessor(QUEUE, { concurrency: WORKERS })(Processor);

  class ProcessorModule {}
  Module({ imports: [MODULE], providers: [Processor] })(ProcessorModule);
  return ProcessorModule;
}
