import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BackplaneModule } from '../backplane.module.js';
import type { BackplaneConfig } from '../common/config/index.js';
import { BackplaneExceptionFilter } from '../common/http/index.js';
import { AdminModule } from '../modules/admin/index.js';
import { CacheManagerModule } from '../modules/cache/index.js';
import { backplaneOptions } from './backplane-options.js';
import { ExamplesModule } from './examples/examples.module.js';
import { RequestLogger } from './request-logger.js';
import { StateLogger } from './state-logger.js';
import { UnmatchedRouteFilter } from './unmatched-route.filter.js';

export interface AppOptions {
  readonly config: BackplaneConfig;
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
  static forConfig({ config, adminToken }: AppOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        BackplaneModule.forRoot(backplaneOptions(config)),
        CacheManagerModule.forRoot(),
        AdminModule.forRoot({ token: adminToken }),
        ExamplesModule,
      ],
    };
  }
}
