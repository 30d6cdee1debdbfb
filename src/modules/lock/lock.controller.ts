import {
  ConflictException,
  Delete,
  Get,
  Inject,
  Ip,
  Logger,
  NotFoundException,
  Query,
} from '@nestjs/common';
import { z } from 'zod';
import { AdminController } from '../../common/admin/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import type { HeldLock, Permits, WhichHold } from './lock.driver.js';
import { LockMisuseError } from './lock.errors.js';
import { LockService } from './lock.service.js';

/** One held lock. */
export interface LockBody {
  readonly key: string;
  readonly owner: string;
  readonly token_prefix: string;
  readonly held_ms: number;
  readonly remaining_ms: number;
  /** Fencing token of the hold; `null` where it has none. */
  readonly fence: number | null;
  /** What is held of a semaphore, or a read/write lock; `null` for a plain lock. */
  readonly permits: Permits | null;
  /** Who waits for it, in the order in which they will get it; at most 100. */
  readonly queue: readonly LockWaiterBody[];
}

/** Somebody who waits for a lock. */
export interface LockWaiterBody {
  readonly owner: string;
  readonly token_prefix: string;
  readonly waited_ms: number;
}

/** Locks that are held now, by key. */
export interface LockListBody {
  readonly locks: readonly LockBody[];
  /** There are more. */
  readonly truncated: boolean;
}

const MAX_LISTED = 1_000;

const listQuery = z.strictObject({
  limit: z.coerce.number().pipe(positiveInteger().max(MAX_LISTED)).default(100),
});

const holdQuery = z.strictObject({
  key: z.string('must be given once').min(1, 'must be a text of at least one character'),
  fence: z.coerce.number().pipe(positiveInteger()).optional(),
  token_prefix: z.string('must be given once').min(1, 'must not be empty').optional(),
});

/** The locks, for operators. */
@AdminController('locks')
export class LockAdminController {
  readonly #logger = new Logger(LockAdminController.name);

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Get()
  async list(@Query() query: unknown): Promise<LockListBody> {
    const { limit } = parseOptions(listQuery, query, 'query');
    const found = await this.locks.list(limit + 1);
    const locks = found.slice(0, limit).sort(byKey);
    return { locks: locks.map(bodyOf), truncated: found.length > limit };
  }

  /**
   * Answers with the hold that was ended, and leaves a line in the log, with its request id. 404 where
   * there is no such hold: with a fence or the beginning of a token, also where somebody else holds
   * the lock by now; 409 where several holds of a semaphore fit.
   */
  @Delete()
  async forceRelease(@Query() query: unknown, @Ip() address: string): Promise<LockBody> {
    const { key, fence, token_prefix: tokenPrefix } = parseOptions(holdQuery, query, 'query');
    const held = await this.locks
      .forceRelease(key, { by: address, fence, tokenPrefix })
      .catch(asConflict);
    if (held === undefined) throw new NotFoundException(whyNone(key, { fence, tokenPrefix }));
    const { owner, heldMs } = held;
    this.#logger.warn(
      `${address} took the lock ${JSON.stringify(key)} away from ${owner} after ${heldMs} ms`,
    );
    return bodyOf(held);
  }
}

/** Several hold the key, or it is no lock. @throws every other error as it is */
function asConflict(error: unknown): never {
  throw error instanceof LockMisuseError ? new ConflictException(error.message) : error;
}

/** Of one semaphore those first that have held for longest. */
function byKey(one: HeldLock, other: HeldLock): number {
  if (one.key === other.key) return other.heldMs - one.heldMs;
  return one.key < other.key ? -1 : 1;
}

function whyNone(key: string, { fence, tokenPrefix }: WhichHold): string {
  return fence === undefined && tokenPrefix === undefined
    ? `Nobody holds the lock "${key}".`
    : `The hold that is meant does not have the lock "${key}" any more.`;
}

function bodyOf({ key, owner, tokenPrefix, fence, queue, ...times }: HeldLock): LockBody {
  return {
    key,
    owner,
    token_prefix: tokenPrefix,
    held_ms: times.heldMs,
    remaining_ms: times.remainingMs,
    fence: fence ?? null,
    permits: times.permits ?? null,
    queue: queue.map((waiter) => ({
      owner: waiter.owner,
      token_prefix: waiter.tokenPrefix,
      waited_ms: waiter.waitedMs,
    })),
  };
}
