import { Global, Module } from '@nestjs/common';
import { REQUEST_BUDGET_MS } from '../context/index.js';
import { CoreModule } from '../core.module.js';
import { InvalidOptionError } from '../errors/index.js';
import { EventStream } from '../events/index.js';
import { REDIS_CONNECTIONS, RedisConnections } from './connections.js';
import { REDIS_MODULE_OPTIONS, RedisConfigurableModule } from './redis.module-definition.js';
import type { RedisModuleOptions } from './redis.module-definition.js';
import { resolveRedisOptions } from './resolve-redis-options.js';

/**
 * The Redis connection layer, shared by every module of the application.
 *
 * `forRootAsync` may resolve to `{}`: without `connections` the modules run on their memory
 * drivers.
 */
@Global()
@Module({
  imports: [CoreModule],
  providers: [
    {
      provide: REDIS_CONNECTIONS,
      inject: [REDIS_MODULE_OPTIONS, EventStream],
      useFactory: connectionsOf,
    },
    {
      provide: REQUEST_BUDGET_MS,
      inject: [{ token: REDIS_CONNECTIONS, optional: true }],
      useFactory: (redis?: RedisConnections) => redis?.options.requestBudgetMs,
    },
  ],
  exports: [REDIS_CONNECTIONS, REQUEST_BUDGET_MS],
})
export class RedisModule extends RedisConfigurableModule {}

function connectionsOf(
  options: RedisModuleOptions,
  events: EventStream,
): RedisConnections | undefined {
  const { connections, ...rest } = options;
  if (connections === undefined) {
    refuseOthers(rest);
    return undefined;
  }
  return new RedisConnections(resolveRedisOptions({ connections, ...rest }), events);
}

/**
 * `{}` means: no Redis. Anything else without `connections` is a mistake, such as a misspelt name.
 */
function refuseOthers(rest: Omit<RedisModuleOptions, 'connections'>): void {
  const [given] = Object.entries(rest).filter(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new InvalidOptionError('redis.connections', `is needed beside "${given[0]}"`);
}
