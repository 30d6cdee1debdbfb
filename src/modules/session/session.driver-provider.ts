import type { FactoryProvider } from '@nestjs/common';
import { openCustomDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnections, RedisGate } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { closedButForEndings, closedSessions } from './drivers/closed-session.driver.js';
import { LocalSessionDriver } from './drivers/local-session.driver.js';
import { MemorySessionDriver } from './drivers/memory-session.driver.js';
import { RedisSessionDriver } from './drivers/redis-session.driver.js';
import { RevocationJournal } from './drivers/revocation-journal.js';
import { SettlingSessionDriver } from './drivers/settling-session.driver.js';
import { SessionDriver } from './session.driver.js';
import { SESSION_OPTIONS } from './session.module-definition.js';
import type { ResolvedSessionOptions } from './session.options.js';

/** Name of the service in health bodies. */
export const SESSION_STORAGE = 'session_storage';

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const sessionDriverProvider: FactoryProvider<SessionDriver> = {
  provide: SessionDriver,
  inject: [SESSION_OPTIONS, CLOCK, ServiceRegistry, { token: REDIS_CONNECTIONS, optional: true }],
  useFactory: (
    options: ResolvedSessionOptions,
    clock: Clock,
    services: ServiceRegistry,
    redis?: RedisConnections,
  ) => {
    if (options.driver !== undefined) {
      return openCustomDriver(options.driver, {
        context: { clock },
        services,
        status: { service: SESSION_STORAGE },
        option: 'session.driver',
      });
    }
    if (redis === undefined || options.storage === 'memory') {
      services.register({
        service: SESSION_STORAGE,
        backing: () => 'memory',
        isServing: () => true,
      });
      return new MemorySessionDriver({ clock, ...options });
    }
    const connection = redis.use('default', ['command']);
    const { deadlineMs, onRedisDown } = options;
    const primary = new RedisSessionDriver(connection, { deadlineMs });
    const failover = sessionFailover(primary, { gate: connection.gate, options, clock });
    const whenAway = onRedisDown === 'memory' ? 'memory' : 'none';
    services.register({
      service: SESSION_STORAGE,
      backing: () => (failover.active === 'primary' ? 'redis' : whenAway),
      isServing: () => failover.active === 'primary' || onRedisDown === 'memory',
      intended: 'redis',
    });
    return failover.driver;
  },
};

/** Puts the failure policy of the sessions behind a driver that works on Redis. */
export function sessionFailover(
  primary: SessionDriver,
  context: {
    readonly gate: RedisGate;
    readonly options: ResolvedSessionOptions;
    readonly clock: Clock;
  },
): FailoverDriver<SessionDriver> {
  const { gate, options, clock } = context;
  if (options.onRedisDown === 'closed') {
    return new FailoverDriver<SessionDriver>({ primary, fallback: closedSessions, gate });
  }
  const journal = new RevocationJournal();
  const memory = new LocalSessionDriver({ clock, journal, ...options });
  // They are of one outage: what is ended from here on must not be there again at the next.
  gate.onRecovered(() => memory.clear());
  return new FailoverDriver<SessionDriver>({
    primary: new SettlingSessionDriver(primary, journal),
    fallback: memory,
    refusal: closedButForEndings,
    bridges: 'outages',
    gate,
    journal,
  });
}
