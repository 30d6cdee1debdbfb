import {
  decodePart,
  masters,
  type RedisConnection,
  type RedisNodeClient,
  scanStep,
  SURVEY,
} from '../../../common/redis/index.js';
import type {
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockGrant,
  LockRef,
  ReleaseOutcome,
} from '../lock.driver.js';
import { LOCK, LOCK_FENCE, LOCK_RELEASED } from '../lock.keys.js';
import { checkHold, SHOWN_OF_TOKEN } from './lock-rules.js';
import { ACQUIRE } from './scripts/lock-acquire.lua.js';
import { EXTEND } from './scripts/lock-extend.lua.js';
import { FORCE_RELEASE } from './scripts/lock-force-release.lua.js';
import { INSPECT } from './scripts/lock-inspect.lua.js';
import { RELEASE } from './scripts/lock-release.lua.js';
import type { HolderReply } from './scripts/lock-reply.js';

export interface RedisLockDriverOptions {
  /** Longest wait for one call. */
  readonly deadlineMs: number;
}

/** Looked at at the same time, of the keys that one step of a SCAN found. */
const LISTED_AT_ONCE = 50;

/** Braces around the tag in every key. */
const TAG = { start: '{', end: '}' };

/** Locks in Redis: one hash each, which expires with the hold, by the server's clock. */
export class RedisLockDriver implements LockDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisLockDriverOptions;
  /**
   * For calls that are not charged to the budget of a request: a release that is refused because
   * the request has used it up would leave the lock standing.
   */
  readonly #unbudgeted: RedisLockDriverOptions & { readonly outsideBudget: true };

  constructor(connection: RedisConnection, options: RedisLockDriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#unbudgeted = { ...options, outsideBudget: true };
  }

  async acquire(claim: LockClaim): Promise<AcquireOutcome> {
    checkHold(claim.key, claim.ttlMs);
    const bounds = claim.outsideBudget ? this.#unbudgeted : this.#options;
    const keys = {
      lock: this.#lock(claim.key),
      fence: this.#connection.keys.key(LOCK_FENCE, claim.key, 'fence'),
    };
    const call = { keys, args: claim, ...bounds };
    const { word, ms, fence } = await this.#connection.script(ACQUIRE, call);
    if (word === 'acquired') return { outcome: 'acquired', grant: grantOf(ms, fence) };
    return { outcome: 'busy', remainingMs: ms };
  }

  async extend({ key, token }: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    checkHold(key, ttlMs);
    const call = { keys: this.#lock(key), args: { token, ttlMs }, ...this.#unbudgeted };
    const { word, ms, fence } = await this.#connection.script(EXTEND, call);
    if (word !== 'extended') return { outcome: 'lost' };
    return { outcome: 'extended', grant: grantOf(ms, fence) };
  }

  async release({ key, token }: LockRef): Promise<ReleaseOutcome> {
    const released = this.#connection.keys.key(LOCK_RELEASED, key, 'released', token);
    const keys = { lock: this.#lock(key), released };
    return this.#connection.script(RELEASE, { keys, args: token, ...this.#unbudgeted });
  }

  async forceRelease(key: string): Promise<HeldLock | undefined> {
    const call = { keys: this.#lock(key), args: undefined, ...this.#options };
    return heldLock(key, await this.#connection.script(FORCE_RELEASE, call));
  }

  /** Looks at every key of each master until it has enough. */
  async list(limit: number): Promise<readonly HeldLock[]> {
    const nodes = await this.#connection.command(async (client) => masters(client), SURVEY);
    const held = new Map<string, HeldLock>();
    for (const node of nodes) {
      if (held.size < limit) await this.#listOnNode(node, held, limit);
    }
    return [...held.values()].slice(0, limit);
  }

  async #listOnNode(
    node: RedisNodeClient,
    held: Map<string, HeldLock>,
    limit: number,
  ): Promise<void> {
    const match = `${this.#connection.keys.root(LOCK)}${TAG.start}*${TAG.end}`;
    let cursor = '0';
    do {
      const scan = (): ReturnType<typeof scanStep> => scanStep(node, cursor, match);
      const step = await this.#connection.command(scan, SURVEY);
      for (let at = 0; at < step.keys.length && held.size < limit; at += LISTED_AT_ONCE) {
        const some = step.keys.slice(at, at + LISTED_AT_ONCE).flatMap((name) => this.#keyOf(name));
        const found = await Promise.all(some.map((key) => this.#inspect(key)));
        for (const lock of found) if (lock !== undefined) held.set(lock.key, lock);
      }
      cursor = step.cursor;
    } while (cursor !== '0' && held.size < limit);
  }

  async #inspect(key: string): Promise<HeldLock | undefined> {
    const call = { keys: this.#lock(key), args: undefined, ...SURVEY };
    return heldLock(key, await this.#connection.script(INSPECT, call));
  }

  #lock(key: string): string {
    return this.#connection.keys.key(LOCK, key);
  }

  /** Empty for a key that is not ours although it lies in our space. */
  #keyOf(name: string): readonly string[] {
    const start = this.#connection.keys.root(LOCK).length + TAG.start.length;
    const key = decodePart(name.slice(start, -TAG.end.length));
    return key === undefined ? [] : [key];
  }
}

/** Redis stands for a grant until its time is over. */
function stands(): boolean {
  return true;
}

function grantOf(remainingMs: number, fence: number | undefined): LockGrant {
  return { remainingMs, fence, stands };
}

function heldLock(key: string, holder: HolderReply | undefined): HeldLock | undefined {
  if (holder === undefined) return undefined;
  const { token, ...rest } = holder;
  return { key, tokenPrefix: token.slice(0, SHOWN_OF_TOKEN), ...rest };
}
