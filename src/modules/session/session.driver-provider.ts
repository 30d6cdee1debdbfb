import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
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
    const isLocal = options.onRedisDown === 'memory';
    const plan: DriverPlan<SessionDriver> = {
      service: SESSION_STORAGE,
      option: 'session.driver',
      custom: options.driver,
      context: { clock },
      memory: () => new MemorySessionDriver({ clock, ...options }),
      redis: (connections) => {
        const connection = connections.use('default', ['command']);
        const primary = new RedisSessionDriver(connection, { deadlineMs: options.deadlineMs });
        return sessionFailover(primary, { gate: connection.gate, options, clock });
      },
      whileAway: { backing: isLocal ? 'memory' : 'none', isServing: isLocal },
    };
    return openDriver(plan, {
      services,
      redis: options.storage === 'memory' ? undefined : redis,
    });
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
    refusal: () => closedButForEndings,
    bridges: 'outages',
    gate,
    journal,
  });
}
