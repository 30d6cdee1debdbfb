import { InvalidOptionError } from '../errors/index.js';
import type { FailoverDriver, RedisConnections } from '../redis/index.js';
import type { Backing, Details, ServiceRegistry } from '../status/index.js';
import type { DriverContext, DriverFactory } from './custom-driver.js';

/** What a module can keep its state in. */
export interface DriverPlan<Driver extends object, Context extends DriverContext = DriverContext> {
  /** Name in health bodies. */
  readonly service: string;
  readonly details?: () => Promise<Details>;
  /** Name of the module's option that holds `custom`, for errors. */
  readonly option: string;
  /** Makes the application's own driver, where there is one; with `context`. */
  readonly custom: DriverFactory<Driver, Context> | undefined;
  readonly context: Context;
  /** Where no Redis is configured. */
  readonly memory: () => Driver;
  /** Where one is: the driver on it, with the failure policy behind. */
  readonly redis: (redis: RedisConnections) => FailoverDriver<Driver>;
  /** What the failure policy leaves of the service. */
  readonly whileAway: WhileAway;
}

export interface WhileAway {
  readonly backing: Extract<Backing, 'memory' | 'none'>;
  /** `false`: some calls fail, or all. */
  readonly isServing: boolean;
  /** Do requests that have no use for the service fail with it? @default false */
  readonly isVital?: boolean;
}

export interface DriverSurroundings {
  readonly services: ServiceRegistry;
  /** Absent: the process works embedded. */
  readonly redis: RedisConnections | undefined;
}

/**
 * Makes the driver of a module, and lists the service in health with what backs it: the
 * application's own where there is one; memory where no Redis is configured; else Redis. The
 * failure policy does not concern an own driver, so that what it rejects with reaches the caller.
 *
 * @throws InvalidOptionError when the own factory makes no driver @throws whatever that factory throws
 */
export async function openDriver<Driver extends object, Context extends DriverContext>(
  plan: DriverPlan<Driver, Context>,
  { services, redis }: DriverSurroundings,
): Promise<Driver> {
  const { service, details, whileAway } = plan;
  const status = { service, isServing: () => true, ...(details && { details }) };
  const custom = await openCustom(plan);
  if (custom !== undefined) {
    services.register({ ...status, backing: () => 'custom' });
    return custom;
  }
  if (redis === undefined) {
    services.register({ ...status, backing: () => 'memory' });
    return plan.memory();
  }
  const failover = plan.redis(redis);
  const isUp = (): boolean => failover.active === 'primary';
  services.register({
    ...status,
    backing: () => (isUp() ? 'redis' : whileAway.backing),
    isServing: () => isUp() || whileAway.isServing,
    intended: 'redis',
    isVital: whileAway.isVital ?? false,
  });
  return failover.driver;
}

async function openCustom<Driver extends object, Context extends DriverContext>({
  custom,
  context,
  option,
}: DriverPlan<Driver, Context>): Promise<Driver | undefined> {
  if (custom === undefined) return undefined;
  const made: unknown = await custom(context);
  if (isDriver<Driver>(made)) return made;
  throw new InvalidOptionError(option, 'must be a function that returns a driver');
}

/** Its methods show in use; that there is an object at all is what a forgotten `return` breaks. */
function isDriver<Driver extends object>(made: unknown): made is Driver {
  return typeof made === 'object' && made !== null;
}
