import { Global, Module } from '@nestjs/common';
import { RequestContextBinder } from './context/index.js';
import { EventStream } from './events/index.js';
import { ServiceRegistry } from './status/index.js';
import { CLOCK, type Clock, CLOCK_OVERRIDE, SystemClock } from './time/index.js';

/** What every module stands on; each imports it, Nest makes it once. */
@Global()
@Module({
  providers: [
    EventStream,
    ServiceRegistry,
    RequestContextBinder,
    {
      provide: CLOCK,
      inject: [{ token: CLOCK_OVERRIDE, optional: true }],
      useFactory: (override?: Clock): Clock => override ?? new SystemClock(),
    },
  ],
  exports: [EventStream, ServiceRegistry, CLOCK],
})
export class CoreModule {}
