import type { RedisConnection } from '../../../common/redis/index.js';
import type {
  AcquireOutcome,
  HeldLock,
  LockClaim,
  LockRef,
  LockRelease,
  WhichHold,
} from '../lock.driver.js';
import { ExtendBatch } from './extend-batch.js';
import { grantOf } from './lock-grant.js';
import type { LockKeyNames } from './lock-key-names.js';
import { otherPermits, severalFit } from './lock-rules.js';
import type { LockScripts } from './lock-scripts.js';
import { heldLock } from './redis-lock-survey.js';
import type { HolderKeys } from './scripts/lock-keys.js';
import type { ExtendReply } from './scripts/lock-extend.lua.js';
import type { ReleaseReply } from './scripts/lock-release.lua.js';
import { SEMAPHORE_ACQUIRE } from './scripts/semaphore-acquire.lua.js';
import { SEMAPHORE_EXTEND } from './scripts/semaphore-extend.lua.js';
import { SEMAPHORE_FORCE_RELEASE } from './scripts/semaphore-force-release.lua.js';
import { SEMAPHORE_RELEASE } from './scripts/semaphore-release.lua.js';

export interface RedisSemaphoresOptions {
  readonly scripts: LockScripts;
  readonly keys: LockKeyNames;
  /** Channel of this process. */
  readonly channel: { readonly name: string };
}

/** Permits in Redis: a sorted set of their holders each key, by the server's clock. */
export class RedisSemaphores {
  readonly #options: RedisSemaphoresOptions;
  readonly #extensions: ExtendBatch<HolderKeys>;

  constructor({ topology }: RedisConnection, options: RedisSemaphoresOptions) {
    this.#options = options;
    const isCluster = topology === 'cluster';
    this.#extensions = new ExtendBatch(options.scripts, SEMAPHORE_EXTEND, isCluster);
  }

  /** Without waiting. */
  async acquire(claim: LockClaim): Promise<AcquireOutcome> {
    const { scripts, keys } = this.#options;
    const { key, outsideBudget = false } = claim;
    const args = { channel: '', claims: [{ claim, arrival: '' }] };
    const call = { keys: [keys.semaphore(key)], args, outsideBudget };
    const [reply] = await scripts.grant(
      SEMAPHORE_ACQUIRE,
      call,
      ([one]) => one?.word === 'acquired',
    );
    if (reply === undefined) throw new TypeError('a lock script did not answer every claim');
    if (reply.word === 'misuse') throw otherPermits(reply.of);
    if (reply.word === 'busy') return { outcome: 'busy', remainingMs: reply.ms };
    return { outcome: 'acquired', grant: grantOf(reply.ms, reply.fence) };
  }

  extend(ref: LockRef, ttlMs: number): Promise<ExtendReply> {
    return this.#extensions.extend(this.#options.keys.semaphore(ref.key), { ref, ttlMs });
  }

  release({ key, token }: LockRelease): Promise<ReleaseReply> {
    const { scripts, keys, channel } = this.#options;
    const names = keys.semaphore(key);
    return scripts.run(SEMAPHORE_RELEASE, {
      keys: { ...names, released: keys.released(names.lock, token) },
      args: { token, channel: channel.name },
      outsideBudget: true,
    });
  }

  /** @throws LockMisuseError where several holds fit */
  async forceRelease(key: string, which: WhichHold): Promise<HeldLock | undefined> {
    const { scripts, keys } = this.#options;
    const call = { keys: keys.semaphore(key), args: which, isSurvey: true };
    const { fit, holder } = await scripts.run(SEMAPHORE_FORCE_RELEASE, call);
    if (fit > 1) throw severalFit(fit);
    return heldLock(key, holder);
  }
}
