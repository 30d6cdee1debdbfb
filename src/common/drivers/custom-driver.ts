import { InvalidOptionError } from '../errors/index.js';
import type { ServiceRegistry, ServiceStatus } from '../status/index.js';
import type { Clock } from '../time/index.js';

/** What a driver of the application's own is made with. */
export interface DriverContext {
  /** The time to go by: the machine's, or in a test the test's. */
  readonly clock: Clock;
}

/**
 * Makes the application's own driver of a module, in place of memory and Redis. Called once while the
 * application starts, which waits for it and does not start when it fails.
 *
 * Nest's lifecycle hooks on the driver (`onModuleDestroy`, `onApplicationShutdown`, …) are called: what
 * it opened, it closes there.
 */
export type DriverFactory<Driver, Context extends DriverContext = DriverContext> = (
  context: Context,
) => Driver | Promise<Driver>;

export interface CustomDriverUse<Context> {
  readonly context: Context;
  readonly services: ServiceRegistry;
  readonly status: Pick<ServiceStatus, 'service' | 'details'>;
  /** The option's name in errors. */
  readonly option: string;
}

/**
 * Makes the driver and lists its service as backed by `custom`, and serving: the failure policy for
 * Redis does not concern it, so that what it rejects with reaches the caller.
 *
 * @throws InvalidOptionError when the factory makes no driver @throws whatever the factory throws
 */
export async function openCustomDriver<
  Driver extends object,
  Context extends DriverContext = DriverContext,
>(factory: DriverFactory<Driver, Context>, use: CustomDriverUse<Context>): Promise<Driver> {
  const driver: unknown = await factory(use.context);
  if (!isDriver<Driver>(driver)) {
    throw new InvalidOptionError(use.option, 'must be a function that returns a driver');
  }
  use.services.register({ ...use.status, backing: () => 'custom', isServing: () => true });
  return driver;
}

/** Its methods show in use; that there is an object at all is what a forgotten `return` breaks. */
function isDriver<Driver extends object>(made: unknown): made is Driver {
  return typeof made === 'object' && made !== null;
}
