import { type DynamicModule, Global, Module } from '@nestjs/common';
import { CoreModule } from '../../common/core.module.js';
import { SessionCookies } from './session-cookies.js';
import { SessionDriver } from './session.driver.js';
import { sessionDriverProvider } from './session.driver-provider.js';
import { SessionGuard } from './session.guard.js';
import {
  SESSION_MODULE_OPTIONS,
  SESSION_OPTIONS,
  SessionConfigurableModule,
} from './session.module-definition.js';
import { resolveSessionOptions, type SessionOptions } from './session.options.js';
import { SessionDetails } from './session-details.js';
import { SessionIdentity } from './session-identity.js';
import { SessionService } from './session.service.js';

/**
 * Sessions: `SessionService`, `SessionCookies`, `@RequireSession` and `@CurrentSession`. Global, so
 * that the guard finds what it needs in every module.
 */
@Global()
@Module({
  imports: [CoreModule],
  providers: [
    {
      provide: SESSION_OPTIONS,
      inject: [SESSION_MODULE_OPTIONS],
      useFactory: resolveSessionOptions,
    },
    sessionDriverProvider,
    SessionService,
    SessionDetails,
    SessionCookies,
    SessionIdentity,
    SessionGuard,
  ],
  exports: [SessionService, SessionCookies, SessionIdentity, SessionGuard, SessionDriver],
})
export class SessionModule extends SessionConfigurableModule {
  static override forRoot(options: SessionOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}
