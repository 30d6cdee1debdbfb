import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ServiceRegistry } from '../../common/status/index.js';
import { QueueService } from './queue.service.js';

/** Name of the service in health bodies. */
export const QUEUE_SERVICE = 'queue';

/**
 * Shows in `/health/deep` how many jobs of each state every queue has. Starts no backend for it.
 */
@Injectable()
export class QueueDetails implements OnModuleInit {
  constructor(
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
    @Inject(QueueService) private readonly queues: QueueService,
  ) {}

  onModuleInit(): void {
    this.services.describe(QUEUE_SERVICE, () => this.queues.overview());
  }
}
