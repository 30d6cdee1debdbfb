import type { Clock } from '../time/index.js';

/** What a driver of the application's own is made with. */
export interface DriverContext {
  /** The time to go by: the machine's, or in a test the test's. */
  readonly clock: Clock;
}

/**
 * Makes the application's own driver of a module, in place of memory and Redis. Called once while
 * the application starts, which waits for it and does not start when it fails.
 *
 * Nest's lifecycle hooks on the driver (`onModuleDestroy`, `onApplicationShutdown`, …) are called:
 * what it opened, it closes there.
 */
export type DriverFactory<Driver, Context extends DriverContext = DriverContext> = (
  context: Context,
) => Driver | Promise<Driver>;
