import { z } from 'zod';
import { duration, parseOptions } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';

export interface HealthOptions {
  /** Longest wait for Redis, and for the details of a service, in one check. @default '300ms' */
  readonly deadline?: Duration;
}

const schema = z
  .strictObject({ deadline: duration().prefault('300ms') })
  .transform(({ deadline }) => ({ deadlineMs: deadline }));

export type ResolvedHealthOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveHealthOptions(options: HealthOptions): ResolvedHealthOptions {
  return parseOptions(schema, options, 'health');
}
