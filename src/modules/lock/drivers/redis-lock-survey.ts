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
import { SEMAPHORE_INSPECT } from './scripts/semaphore-inspect.lua.js';

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
    const held = new Map<string, readonly HeldLock[]>();
    for (const node of nodes) {
      if (held.size < limit) await this.#listOnNode(node, held, limit);
    }
    return [...held.values()].flat().slice(0, limit);
  }

  async #listOnNode(
    node: RedisNodeClient,
    held: Map<string, readonly HeldLock[]>,
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
        // A SCAN may find a key twice.
        for (const locks of found) if (locks[0] !== undefined) held.set(locks[0].key, locks);
      }
      cursor = step.cursor;
    } while (cursor !== '0' && held.size < limit);
  }

  /**
   * Whoever holds the key, as a plain lock or as a semaphore, and who waits for it.
   *
   * @throws RedisUnavailableError
   */
  async inspect(key: string): Promise<readonly HeldLock[]> {
    const args = { args: undefined, ...SURVEY };
    const plain = { keys: this.#keys.all(key), ...args };
    const semaphore = { keys: this.#keys.semaphore(key), ...args };
    const holder = await this.#connection.script(INSPECT, plain).catch(otherKind);
    const holders =
      holder === 'other kind'
        ? await this.#connection.script(SEMAPHORE_INSPECT, semaphore).catch(otherKind)
        : [holder];
    if (holders === 'other kind') return [];
    return holders.flatMap((one) => heldLock(key, one) ?? []);
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

/** The key has another type than the script is for. @throws every other error as it is */
function otherKind(error: unknown): 'other kind' {
  if (asMisuse(error) instanceof LockMisuseError) return 'other kind';
  throw error;
}
