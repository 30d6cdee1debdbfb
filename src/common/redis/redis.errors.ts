import { BackplaneError } from '../errors/index.js';

/** Why a command got no answer. */
export type UnavailableReason =
  /** The breaker is open, or the first connection is not there yet: nothing was sent. */
  | 'open'
  /** No answer within the deadline: whether the command ran is unknown. */
  | 'deadline'
  /** The request has used up its Redis budget: nothing was sent. */
  | 'budget'
  /** Too many commands are under way: nothing was sent. */
  | 'overloaded'
  /** The connection was lost: whether the command ran is unknown. */
  | 'connection'
  /** The server answered that it cannot serve now (loading, read-only, out of memory, …). */
  | 'refused';

/**
 * Redis gave no usable answer in time.
 *
 * `outcome` tells what may be assumed: a `'not-executed'` command certainly did not run, an
 * `'unknown'` one may have run or, where its script carries no deadline, may still run.
 */
export class RedisUnavailableError extends BackplaneError {
  readonly code = 'E_REDIS_UNAVAILABLE';
  readonly outcome: 'not-executed' | 'unknown';

  constructor(
    readonly reason: UnavailableReason,
    options?: { readonly cause?: unknown },
  ) {
    super(`Redis is not available (${reason}); the failure policy of the module decides.`, options);
    this.outcome = reason === 'deadline' || reason === 'connection' ? 'unknown' : 'not-executed';
  }
}

/** The connections this process would open exceed `maxConnections`. */
export class ConnectionBudgetError extends BackplaneError {
  readonly code = 'E_REDIS_CONNECTION_BUDGET';

  constructor(
    readonly needed: number,
    readonly allowed: number,
    plan: string,
  ) {
    super(
      `Redis would need ${needed} connections but maxConnections (REDIS_MAX_CONNECTIONS) is ${allowed}: ` +
        `${plan}. Raise it to at least ${needed}, or use fewer named connections.`,
    );
  }
}
