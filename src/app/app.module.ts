import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BackplaneModule } from '../backplane.module.js';
import type { BackplaneOptions } from '../backplane.options.js';
import { BackplaneExceptionFilter } from '../common/http/index.js';
import { AdminModule } from '../modules/admin/index.js';
import { CacheAdminController, CacheManagerModule } from '../modules/cache/index.js';
import { LockAdminController } from '../modules/lock/index.js';
import { PubSubAdminController } from '../modules/pubsub/index.js';
import { QueueAdminController } from '../modules/queue/index.js';
import { AuthSessionAdminController, SessionAdminController } from '../modules/session/index.js';
import { ThrottleAdminController } from '../modules/throttle/index.js';
import { ExamplesModule } from './examples/examples.module.js';
import { RequestLogger } from './request-logger.js';
import { StateLogger } from './state-logger.js';
import { UnmatchedRouteFilter } from './unmatched-route.filter.js';

const ADMIN_CONTROLLERS = [
  ThrottleAdminController,
  CacheAdminController,
  PubSubAdminController,
  QueueAdminController,
  LockAdminController,
  SessionAdminController,
  AuthSessionAdminController,
];

export interface AppOptions {
  readonly backplane: BackplaneOptions;
  readonly adminToken: string;
}

/** The backend: the library's modules, wired by configuration, and its own endpoints. */
@Module({
  providers: [
    // The later one is asked first.
    { provide: APP_FILTER, useClass: BackplaneExceptionFilter },
    { provide: APP_FILTER, useClass: UnmatchedRouteFilter },
    RequestLogger,
    StateLogger,
  ],
})
export class AppModule {
  static create({ backplane, adminToken }: AppOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        BackplaneModule.forRoot(backplane),
        CacheManagerModule.forRoot(),
        AdminModule.forRoot({ token: adminToken, controllers: ADMIN_CONTROLLERS }),
        ExamplesModule,
      ],
    };
  }
}
