import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ServiceRegistry } from '../../common/status/index.js';
import { SESSION_STORAGE } from './session.driver-provider.js';
import { SessionService } from './session.service.js';

/** Shows in `/health/deep` how many sessions are live. */
@Injectable()
export class SessionDetails implements OnModuleInit {
  constructor(
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  onModuleInit(): void {
    this.services.describe(SESSION_STORAGE, async () => ({ active: await this.sessions.count() }));
  }
}
