import { Global, Module } from '@nestjs/common';
import { RequestContextBinder } from './context/index.js';
import { EventStream } from './events/index.js';
import { ServiceRegistry } from './status/index.js';
import { CLOCK, SystemClock } from './time/index.js';

/** What every module stands on; each imports it, Nest makes it once. */
@Global()
@Module({
  providers: [
    EventStream,
    ServiceRegistry,
    RequestContextBinder,
    { provide: CLOCK, useClass: SystemClock },
  ],
  exports: [EventStream, ServiceRegistry, CLOCK],
})
export class CoreModule {}
