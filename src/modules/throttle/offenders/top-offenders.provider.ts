import type { FactoryProvider } from '@nestjs/common';
import { EventStream } from '../../../common/events/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../common/redis/index.js';
import { CLOCK, type Clock } from '../../../common/time/index.js';
import { THROTTLE_OPTIONS } from '../throttle.module-definition.js';
import type { ResolvedThrottleOptions } from '../throttle.options.js';
import { TopOffenders } from './top-offenders.js';

/** Told to the other instances where Redis keeps the counters. */
export const topOffendersProvider: FactoryProvider<TopOffenders> = {
  provide: TopOffenders,
  inject: [EventStream, CLOCK, THROTTLE_OPTIONS, { token: REDIS_CONNECTIONS, optional: true }],
  useFactory: (
    events: EventStream,
    clock: Clock,
    { driver }: ResolvedThrottleOptions,
    redis?: RedisConnections,
  ) => {
    const connection = driver === undefined ? redis?.use('default', ['command']) : undefined;
    return new TopOffenders({ events, clock, connection });
  },
};
