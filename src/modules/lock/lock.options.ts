import { hostname } from 'node:os';
import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions } from '../../common/options/index.js';
import { type RedisStandaloneTarget, standaloneTarget } from '../../common/redis/index.js';
import type { Duration } from '../../common/time/index.js';
import type { LockDriver } from './lock.driver.js';

export interface LockOptions {
  /**
   * While Redis is away: refuse (`E_LOCK_BACKEND_DOWN`), or lock within this process, which is only
   * right where the application is a single process. @default 'closed'
   */
  readonly onRedisDown?: 'closed' | 'memory';
  /** Longest wait for Redis in one call; waiting for a lock makes many. @default '100ms' */
  readonly deadline?: Duration;
  /**
   * Replicas that have to have a grant, or an extension, before it counts; where they do not say so
   * within the deadline, the lock is given back and `E_LOCK_BACKEND_DOWN` thrown. Takes a connection
   * and a round trip more. Not in a Redis Cluster. @default 0
   */
  readonly replicas?: number;
  /** Locks on several independent masters, in place of one. Not with `replicas`. @default none */
  readonly quorum?: LockQuorumOptions;
  /** How operators see this process as a holder. @default host name and process id */
  readonly owner?: string;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<LockDriver>;
}

/**
 * A lock on a majority of several masters (Redlock), so that it outlives the loss of a minority.
 *
 * @see https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
export interface LockQuorumOptions {
  /**
   * At least three masters that share nothing, best an odd number: no Cluster, no Sentinel, no
   * replicas of each other. A connection for each, with the prefix and the time limits of
   * `RedisModule`.
   */
  readonly nodes: readonly RedisStandaloneTarget[];
  /**
   * Share of its time by which a hold is taken to end earlier, for clocks of machines that run
   * unevenly; and 2 ms. @default 0.01
   */
  readonly driftFactor?: number;
}

const LEAST_NODES = 3;
const DEFAULT_PORT = 6379;

const quorum = z.strictObject({
  nodes: z
    .array(standaloneTarget(), 'must be a list of masters')
    .min(LEAST_NODES, `must be at least ${LEAST_NODES} masters; of fewer, none may fail`)
    .refine(areApart, 'must be different servers: a master that is there twice has two votes'),
  driftFactor: z
    .number('must be a number')
    .min(0, 'must be at least 0')
    .max(0.5, 'must be at most 0.5')
    .default(0.01),
});

function areApart(nodes: readonly RedisStandaloneTarget[]): boolean {
  return new Set(nodes.map(addressOf)).size === nodes.length;
}

function addressOf(target: RedisStandaloneTarget): string {
  if (!('url' in target)) return `${nameOf(target.host)}:${target.port ?? DEFAULT_PORT}`;
  if (!URL.canParse(target.url)) return target.url;
  const { hostname, port } = new URL(target.url);
  return `${nameOf(hostname)}:${port || DEFAULT_PORT}`;
}

/** A host as it is written in several ways: in capitals, with a dot at its end, in brackets. */
function nameOf(host: string): string {
  return host.toLowerCase().replaceAll(/^\[|\]$|\.$/g, '');
}

const schema = z
  .strictObject({
    onRedisDown: z.enum(['closed', 'memory']).default('closed'),
    deadline: duration().prefault('100ms'),
    replicas: z.int('must be a whole number').min(0, 'must be at least 0').default(0),
    quorum: quorum.optional(),
    owner: z
      .string()
      .min(1, 'must be a text of at least one character')
      .max(200, 'must be at most 200 characters')
      .default(() => `${hostname()}:${process.pid}`),
    driver: callable<DriverFactory<LockDriver>>().optional(),
  })
  .superRefine(refuseContradictions)
  .transform(({ deadline, ...rest }) => ({ ...rest, deadlineMs: deadline }));

/** Each says by itself where the locks are. */
function refuseContradictions(
  options: { readonly quorum?: unknown; readonly driver?: unknown; readonly replicas: number },
  context: z.RefinementCtx,
): void {
  if (options.quorum === undefined) return;
  const replicas = options.replicas > 0 ? 'replicas' : undefined;
  const other = options.driver === undefined ? replicas : 'driver';
  if (other === undefined) return;
  const message = 'means nothing beside "quorum"; leave one of them out';
  context.addIssue({ code: 'custom', path: [other], message });
}

export type ResolvedLockOptions = z.output<typeof schema>;

/** Validates the module's options and applies the defaults. @throws InvalidOptionError */
export function resolveLockOptions(options: LockOptions): ResolvedLockOptions {
  return parseOptions(schema, options, 'lock');
}
