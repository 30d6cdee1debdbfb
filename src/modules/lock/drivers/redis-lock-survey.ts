import {
  masters,
  type RedisConnection,
  type RedisNodeClient,
  scanStep,
  SURVEY,
} from '../../../common/redis/index.js';
import type { HeldLock } from '../lock.driver.js';
import { LockMisuseError } from '../lock.errors.js';
import type { LockKeyNames } from './lock-key-names.js';
import { SHOWN_OF_TOKEN } from './lock-rules.js';
import { asMisuse } from './lock-scripts.js';
import { INSPECT } from './scripts/lock-inspect.lua.js';
import type { HolderReply } from './scripts/lock-reply.js';

/** Looked at at the same time, of the keys that one step of a SCAN found. */
const LISTED_AT_ONCE = 50;

/** Finds the held locks: looks at every key of each master until it has enough. */
export class RedisLockSurvey {
  readonly #connection: RedisConnection;
  readonly #keys: LockKeyNames;

  constructor(connection: RedisConnection, keys: LockKeyNames) {
    this.#connection = connection;
    this.#keys = keys;
  }

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
    let cursor = '0';
    do {
      const scan = (): ReturnType<typeof scanStep> => scanStep(node, cursor, this.#keys.pattern);
      const step = await this.#connection.command(scan, SURVEY);
      for (let at = 0; at < step.keys.length && held.size < limit; at += LISTED_AT_ONCE) {
        const names = step.keys.slice(at, at + LISTED_AT_ONCE);
        const some = names.flatMap((name) => this.#keys.decode(name));
        const found = await Promise.all(some.map((key) => this.inspect(key)));
        for (const lock of found) if (lock !== undefined) held.set(lock.key, lock);
      }
      cursor = step.cursor;
    } while (cursor !== '0' && held.size < limit);
  }

  /** Who holds one lock, and who waits for it. @throws RedisUnavailableError */
  async inspect(key: string): Promise<HeldLock | undefined> {
    const call = { keys: this.#keys.all(key), args: undefined, ...SURVEY };
    const holder = await this.#connection.script(INSPECT, call).catch(nobody);
    return heldLock(key, holder);
  }
}

/** What operators may see of a holder. */
export function heldLock(key: string, holder: HolderReply | undefined): HeldLock | undefined {
  if (holder === undefined) return undefined;
  const { token, queue, ...rest } = holder;
  return {
    key,
    tokenPrefix: token.slice(0, SHOWN_OF_TOKEN),
    ...rest,
    queue: queue.map(({ token: waiting, owner, waitedMs }) => ({
      owner,
      tokenPrefix: waiting.slice(0, SHOWN_OF_TOKEN),
      waitedMs,
    })),
  };
}

/** Holds what is no lock. @throws every other error as it is */
function nobody(error: unknown): undefined {
  if (!(asMisuse(error) instanceof LockMisuseError)) throw error;
}
