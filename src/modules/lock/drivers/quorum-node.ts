import type { RedisConnection, RedisGate } from '../../../common/redis/index.js';
import type { HeldLock, LockDriver } from '../lock.driver.js';
import { LockKeyNames } from './lock-key-names.js';
import { LockScripts, type LockScriptsOptions } from './lock-scripts.js';
import { RedisLockSurvey } from './redis-lock-survey.js';
import { AGREE, type FencedHold } from './scripts/lock-agree.lua.js';

export interface QuorumNodeOptions extends LockScriptsOptions {
  /**
   * Its locks, as if it were the only master, with the policy `closed`: it remembers by itself what it
   * is still to release, and answers at once while it is away.
   */
  readonly locks: LockDriver;
}

/** One master of a quorum: a connection, a gate and locks of its own. */
export class QuorumNode {
  readonly gate: RedisGate;
  readonly locks: LockDriver;
  readonly #keys: LockKeyNames;
  readonly #scripts: LockScripts;
  readonly #survey: RedisLockSurvey;

  constructor(connection: RedisConnection, options: QuorumNodeOptions) {
    this.gate = connection.gate;
    this.locks = options.locks;
    this.#keys = new LockKeyNames(connection.keys);
    this.#scripts = new LockScripts(connection, options);
    this.#survey = new RedisLockSurvey(connection, this.#keys);
  }

  /** Gives the holds the fence that was agreed on; `false` where one is not held. */
  agree(holds: readonly FencedHold[]): Promise<boolean> {
    const keys = holds.map(({ key }) => this.#keys.all(key));
    // A grant that is given up for a budget would have to be given back, which costs as much.
    return this.#scripts.run(AGREE, { keys, args: holds, outsideBudget: true });
  }

  /** Who holds the lock here. @throws RedisUnavailableError */
  async inspect(key: string): Promise<HeldLock | undefined> {
    // Of a quorum there are plain locks only, which have one holder.
    return (await this.#survey.inspect(key))[0];
  }
}
