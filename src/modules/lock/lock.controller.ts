import { Delete, Get, Inject, NotFoundException, Query } from '@nestjs/common';
import { z } from 'zod';
import { AdminController } from '../../common/admin/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import type { HeldLock } from './lock.driver.js';
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

const keyQuery = z.strictObject({
  key: z.string('must be given once').min(1, 'must be a text of at least one character'),
});

/** The locks, for operators. */
@AdminController('locks')
export class LockAdminController {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @Get()
  async list(@Query() query: unknown): Promise<LockListBody> {
    const { limit } = parseOptions(listQuery, query, 'query');
    const found = await this.locks.list(limit + 1);
    const locks = found.slice(0, limit).sort((one, other) => (one.key < other.key ? -1 : 1));
    return { locks: locks.map(bodyOf), truncated: found.length > limit };
  }

  /** Answers with the hold that was ended. */
  @Delete()
  async forceRelease(@Query() query: unknown): Promise<LockBody> {
    const { key } = parseOptions(keyQuery, query, 'query');
    const held = await this.locks.forceRelease(key);
    if (held === undefined) throw new NotFoundException(`Nobody holds the lock "${key}".`);
    return bodyOf(held);
  }
}

function bodyOf({ key, owner, tokenPrefix, heldMs, remainingMs, fence }: HeldLock): LockBody {
  const times = { held_ms: heldMs, remaining_ms: remainingMs };
  return { key, owner, token_prefix: tokenPrefix, ...times, fence: fence ?? null };
}
