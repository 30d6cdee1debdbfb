import { type DynamicModule, type FactoryProvider, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CoreModule } from '../../common/core.module.js';
import { EventStream } from '../../common/events/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { bullHostModule, queueToken } from './bull-hosts.js';
import type { BullQueueDriver } from './drivers/bull-queue.driver.js';
import { LazyQueueDriver } from './drivers/lazy-queue.driver.js';
import { JobHandlers } from './job-handlers.js';
import { BufferedIntake } from './buffered-intake.js';
import { DirectIntake, JobIntake } from './job-intake.js';
import { QueueCatalog } from './queue-catalog.js';
import { QueueDriver } from './queue.driver.js';
import { queueDriverProvider } from './queue.driver-provider.js';
import {
  QUEUE_MODULE_OPTIONS,
  QUEUE_OPTIONS,
  QueueConfigurableModule,
} from './queue.module-definition.js';
import {
  type NamedQueueOptions,
  type QueueOptions,
  type ResolvedQueueOptions,
  resolveQueueOptions,
} from './queue.options.js';
import { QUEUE_SERVICE, QueueDetails } from './queue-details.js';
import { QueueService } from './queue.service.js';
import { QueueWorkers } from './queue-workers.service.js';

const jobIntakeProvider: FactoryProvider<JobIntake> = {
  provide: JobIntake,
  inject: [QueueDriver, QUEUE_OPTIONS, EventStream, ServiceRegistry],
  useFactory: (
    driver: QueueDriver,
    options: ResolvedQueueOptions,
    events: EventStream,
    services: ServiceRegistry,
  ) => {
    const isBuffered = options.onBackendDown === 'buffer';
    const intake = isBuffered
      ? new BufferedIntake(driver, events, options)
      : new DirectIntake(driver);
    services.register({
      service: QUEUE_SERVICE,
      backing: () => (!driver.isServing && isBuffered ? 'memory' : driver.backing),
      isServing: () => driver.isServing || intake.isBridging,
      intended: driver.backing === 'database' ? 'database' : 'redis',
    });
    return intake;
  },
};

/**
 * Queues registered by `registerQueue`; a class of its own, so that nothing of the root is made
 * twice.
 */
@Module({})
class QueueFeatureModule {}

/**
 * Queues: `QueueService`, `@JobProcessor` and `@OnJob`, and BullMQ's own queues by `@InjectQueue`.
 *
 * `forRoot` once; packages (`bullmq`, and `pg` or `@electric-sql/pglite` where there is no Redis)
 * are loaded when the first queue is used. `forRootAsync` likewise.
 */
@Global()
@Module({
  imports: [CoreModule, DiscoveryModule],
  providers: [
    { provide: QUEUE_OPTIONS, inject: [QUEUE_MODULE_OPTIONS], useFactory: resolveQueueOptions },
    QueueCatalog,
    queueDriverProvider,
    jobIntakeProvider,
    JobHandlers,
    QueueWorkers,
    QueueService,
    QueueDetails,
  ],
  exports: [QueueService, QueueWorkers, QueueDriver, QueueCatalog, QUEUE_OPTIONS],
})
export class QueueModule extends QueueConfigurableModule {
  static override forRoot(options: QueueOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Declares queues and provides BullMQ's `Queue` of each for `@InjectQueue(name)`; `@Processor`
   * classes of `@nestjs/bullmq` work on them too. Needs that package, and `QueueModule.forRoot`.
   *
   * @example
   * imports: [QueueModule.registerQueue('emails', { name: 'reports', attempts: 10 })]
   * @throws MissingPeerError, InvalidOptionError while the application is built
   */
  static registerQueue(...queues: readonly (string | NamedQueueOptions)[]): DynamicModule {
    const providers = queues.map(bullQueueProvider);
    return {
      module: QueueFeatureModule,
      imports: [bullHostModule()],
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }

  /** The same, under the name Nest uses elsewhere. */
  static forFeature(...queues: readonly (string | NamedQueueOptions)[]): DynamicModule {
    return QueueModule.registerQueue(...queues);
  }
}

function bullQueueProvider(queue: string | NamedQueueOptions): FactoryProvider {
  const name = typeof queue === 'string' ? queue : queue.name;
  return {
    provide: queueToken(name),
    inject: [QueueDriver, QueueCatalog],
    useFactory: async (driver: QueueDriver, catalog: QueueCatalog) => {
      catalog.declare(queue);
      // A driver of the application's own has no BullMQ queue to offer.
      if (!(driver instanceof LazyQueueDriver)) return undefined;
      const bull = (await driver.opened()) as BullQueueDriver;
      return bull.bullQueue(name);
    },
  };
}
