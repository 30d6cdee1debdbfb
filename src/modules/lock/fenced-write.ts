import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import { FENCED_WRITE } from './drivers/scripts/fenced-write.lua.js';
import { LockMisuseError } from './lock.errors.js';

/** The part of an `ioredis` client that is used; a cluster has it as well. */
export interface ScriptingClient {
  eval(script: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>;
}

/** What a holder of a lock writes to Redis. */
export interface FencedWrite {
  /**
   * Key that remembers the greatest fence; one for everything that the lock protects. In a Cluster in
   * the slot of `keys`.
   */
  readonly guard: string;
  /** Of the lock: `lock.fence`. */
  readonly fence: number;
  /** All keys that the commands touch. */
  readonly keys: readonly string[];
  /** Run in this order. One that the server refuses ends the rest, and what ran before stays. */
  readonly commands: readonly (readonly [name: string, ...args: (string | number)[]])[];
  /** How long the guard is remembered; above the longest time a holder may be late. @default '1d' */
  readonly remember?: Duration;
}

/**
 * Writes to Redis for the holder of a lock, unless a later holder has written before: in one atomic
 * step the guard is compared with the fence, raised, and the commands are run. So a process that was
 * stopped after it looked at its lock, and wakes up when somebody else has it, changes nothing.
 *
 * @returns `'stale'` where a greater fence was there; nothing was written
 * @throws InvalidOptionError for what is no fence
 * @throws LockMisuseError in a Cluster, for keys in several slots; otherwise what the server says
 * @see https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
 * @example
 * const { fence } = lock;
 * const commands = [['SET', 'report:1', text]] as const;
 * const answer = await fencedWrite(redis, { guard: 'report:1:fence', fence, keys: ['report:1'], commands });
 * if (answer === 'stale') throw new Error('somebody else writes the report by now');
 */
export async function fencedWrite(
  client: ScriptingClient,
  { guard, fence, keys, commands, remember = '1d' }: FencedWrite,
): Promise<'written' | 'stale'> {
  parseOptions(positiveInteger(), fence, 'fence');
  const rememberMs = parseDuration(remember, 'remember');
  const texts = JSON.stringify(commands.map((command) => command.map(String)));
  const names = [guard, ...keys];
  const args = [...names, fence, rememberMs, texts];
  const answer = await client.eval(FENCED_WRITE, names.length, ...args).catch(misuse);
  return answer === 'written' ? 'written' : 'stale';
}

/** @throws LockMisuseError for keys of a cluster that no script can touch together */
function misuse(error: unknown): never {
  if (error instanceof Error && error.message.startsWith('CROSSSLOT')) {
    throw new LockMisuseError('keys', 'and guard are in several slots: give all one {hash tag}');
  }
  throw error;
}
