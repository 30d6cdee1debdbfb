import type { DynamicModule } from '@nestjs/common';
import type { Processor, Worker, WorkerOptions } from 'bullmq';
import { loadPeer } from '../../common/errors/index.js';
import { BullConnection } from './drivers/bull-backend.js';
import { closeWorker } from './drivers/supervised-worker.js';
import { workerOptions } from './drivers/worker-plan.js';

const FEATURE = 'QueueModule.registerQueue';

/**
 * Token of the BullMQ queue of that name; the one `@InjectQueue(name)` of `@nestjs/bullmq` asks
 * for. Written out, because that package is loaded only where queues are registered.
 */
export function queueToken(name: string): string {
  return `BullQueue_${name}`;
}

let hostModule: Promise<DynamicModule> | undefined;

/**
 * Loads `@nestjs/bullmq` and its part that finds `@Processor` classes (`WorkerHost`) and
 * `@QueueEventsListener`s, so that both work on our queues.
 *
 * That part makes workers with the connection and prefix of the queue and nothing else. The class
 * of workers is process-wide there; ours behaves as BullMQ's own unless the connection is one of
 * ours.
 *
 * @throws MissingPeerError
 */
export function bullHostModule(): Promise<DynamicModule> {
  hostModule ??= loadHostModule();
  // Nest awaits it when the application is built; until then a failure is nobody's yet.
  hostModule.catch(() => {
    hostModule = undefined;
  });
  return hostModule;
}

async function loadHostModule(): Promise<DynamicModule> {
  const bull = await loadPeer(FEATURE, 'bullmq', () => import('bullmq'));
  const nest = await loadPeer(FEATURE, '@nestjs/bullmq', () => import('@nestjs/bullmq'));
  nest.BullModule.workerClass = hostWorkerClass(bull.Worker);
  return nest.BullModule.registerQueue();
}

/**
 * The worker class for hosts: our backend, lease and back-off, closed by our driver with a limit.
 */
function hostWorkerClass(BullMqWorker: typeof Worker): typeof Worker {
  return class BackplaneHostWorker extends BullMqWorker {
    constructor(name: string, processor: Processor | undefined, options: WorkerOptions) {
      const connection: unknown = options.connection;
      if (!(connection instanceof BullConnection) || connection.hosts === undefined) {
        super(name, processor, options);
        return;
      }
      const { backend, hosts } = connection;
      const settings = hosts.settingsOf(name);
      const defaults = workerOptions(backend, 'worker', { name, settings });
      const merged = { ...defaults, ...options, connection: defaults.connection };
      // The base class is typed for Redis options; the factory that goes with ours reads ours.
      super(name, processor, merged as WorkerOptions, backend.factory as never);
      this.on('error', () => undefined);
      hosts.adopt({ close: (drainMs) => closeWorker(this as never, drainMs) });
    }
  } as typeof Worker;
}
