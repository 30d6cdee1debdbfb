import { Cluster } from 'ioredis';
import type { RedisConnection } from './connection.js';
import { type CallBounds, SURVEY } from './call-bounds.js';
import { compileGlob, encodedMatch } from './glob.js';
import { decodePart } from './key-encoding.js';
import type { KeyFamily } from './key-space.js';
import { masters, type RedisNodeClient, scanStep } from './scan.js';

/** What stands after the tag in every key: the closing brace. */
const TAG_END = '}';

/** How keys are removed. */
export interface KeyDeletionOptions extends CallBounds {
  /**
   * Removes those that a pattern was found to match, given by their tags, and resolves to how many
   * there were.
   * @default UNLINK
   */
  readonly remove?: (tags: readonly string[]) => Promise<number>;
}

/** One deletion by pattern, on all masters. */
interface Sweep {
  readonly match: string;
  /** The tags of the keys that are ours and match. */
  readonly wanted: (keys: readonly string[]) => readonly string[];
  isStopped: boolean;
}

/**
 * Deletes keys of one family whose only part is the tag: by name, or by pattern with SCAN and
 * UNLINK on every master. Never KEYS, never FLUSHDB.
 */
export class KeyDeletion {
  readonly #connection: RedisConnection;
  readonly #family: KeyFamily;
  readonly #options: KeyDeletionOptions;
  readonly #tagStart: string;

  constructor(connection: RedisConnection, family: KeyFamily, options: KeyDeletionOptions) {
    this.#connection = connection;
    this.#family = family;
    this.#options = options;
    this.#tagStart = `${connection.keys.root(family)}{`;
  }

  /**
   * Resolves to how many there were. Keys of a cluster lie in many slots and are sent one by one.
   */
  async delete(tags: readonly string[]): Promise<number> {
    if (tags.length === 0) return 0;
    const keys = this.#keysOf(tags);
    return this.#connection.command(async (client) => {
      if (!(client instanceof Cluster)) return client.unlink(keys);
      const removed = await Promise.all(keys.map((key) => client.unlink(key)));
      return removed.reduce((sum, count) => sum + count, 0);
    }, this.#options);
  }

  /**
   * Deletes what matches the glob, in steps of a survey: outside of every budget, and a step that
   * is slow says nothing about Redis. When one master does not answer, the others stop with the
   * step they are at.
   */
  async deleteMatching(pattern: string): Promise<number> {
    const matches = compileGlob(pattern);
    const sweep: Sweep = {
      match: `${this.#tagStart}${encodedMatch(pattern)}${TAG_END}`,
      wanted: (keys) =>
        keys
          .map((key) => this.#tagOf(key))
          .filter((tag): tag is string => tag !== undefined && matches(tag)),
      isStopped: false,
    };
    const nodes = await this.#connection.command(async (client) => masters(client), SURVEY);
    try {
      const removed = await Promise.all(nodes.map((node) => this.#deleteOnNode(node, sweep)));
      return removed.reduce((sum, count) => sum + count, 0);
    } finally {
      sweep.isStopped = true;
    }
  }

  async #deleteOnNode(node: RedisNodeClient, sweep: Sweep): Promise<number> {
    const { match, wanted } = sweep;
    let cursor = '0';
    let removed = 0;
    do {
      const step = await this.#connection.command(() => scanStep(node, cursor, match), SURVEY);
      removed += await this.#remove(node, wanted(step.keys));
      cursor = step.cursor;
    } while (cursor !== '0' && !sweep.isStopped);
    return removed;
  }

  #remove(node: RedisNodeClient, tags: readonly string[]): Promise<number> {
    const { remove } = this.#options;
    if (remove !== undefined) return remove(tags);
    return this.#connection.command(() => unlinkAll(node, this.#keysOf(tags)), SURVEY);
  }

  #keysOf(tags: readonly string[]): string[] {
    return tags.map((tag) => this.#connection.keys.key(this.#family, tag));
  }

  /** `undefined` for a key that is not ours although it lies in our space. */
  #tagOf(key: string): string | undefined {
    return decodePart(key.slice(this.#tagStart.length, -TAG_END.length));
  }
}

/**
 * One pipeline of single UNLINKs: a node of a cluster refuses keys of several slots in one command.
 */
async function unlinkAll(node: RedisNodeClient, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) return 0;
  const pipeline = node.pipeline();
  for (const key of keys) pipeline.unlink(key);
  const replies = (await pipeline.exec()) ?? [];
  return replies.reduce((sum, [error, count]) => {
    if (error !== null) throw error;
    return sum + Number(count);
  }, 0);
}
