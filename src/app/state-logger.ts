import { Inject, Injectable, Logger } from '@nestjs/common';
import { EventStream } from '../common/events/index.js';

/** Says once when Redis goes and once when it is back. */
@Injectable()
export class StateLogger {
  readonly #logger = new Logger('Redis');

  constructor(@Inject(EventStream) private readonly events: EventStream) {
    // In the constructor: the connections are made, and may be found away, before onModuleInit.
    this.events.on('redis.degraded', ({ connection, reason }) => {
      this.#logger.warn(
        `Redis "${connection}" is away (${reason}); its services follow their failure policy. ` +
          'It is tried again until it is back.',
      );
    });
    this.events.on('redis.recovered', ({ connection, downMs }) => {
      this.#logger.log(`Redis "${connection}" is back after ${downMs} ms.`);
    });
  }
}
