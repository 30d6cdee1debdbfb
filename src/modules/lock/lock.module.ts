import { type DynamicModule, Global, Module } from '@nestjs/common';
import { CoreModule } from '../../common/core.module.js';
import { LockDriver } from './lock.driver.js';
import {
  lockChannelProvider,
  lockDriverProvider,
  lockBackendProvider,
} from './lock.driver-provider.js';
import {
  LOCK_MODULE_OPTIONS,
  LOCK_OPTIONS,
  LockConfigurableModule,
} from './lock.module-definition.js';
import { type LockOptions, resolveLockOptions } from './lock.options.js';
import { LockService } from './lock.service.js';

/** Locks: `LockService` and `@Locked`. Global, so that the decorator finds it. */
@Global()
@Module({
  imports: [CoreModule],
  providers: [
    { provide: LOCK_OPTIONS, inject: [LOCK_MODULE_OPTIONS], useFactory: resolveLockOptions },
    lockChannelProvider,
    lockBackendProvider,
    lockDriverProvider,
    LockService,
  ],
  exports: [LockService, LockDriver],
})
export class LockModule extends LockConfigurableModule {
  static override forRoot(options: LockOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}
