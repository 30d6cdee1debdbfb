import { runOutsideRequests } from '../../../common/context/index.js';
import { type RedisScript, RedisUnavailableError } from '../../../common/redis/index.js';
import type { LockScripts } from './lock-scripts.js';
import type { Extension, ExtendReply } from './scripts/lock-extend.lua.js';

/** Holds in one call: Redis does nothing else while it runs. */
const MAX_HOLDS = 256;

interface WaitingExtension<Keys> extends Extension {
  readonly keys: Keys;
  resolve(reply: ExtendReply): void;
  reject(error: unknown): void;
}

type ExtendScript<Keys> = RedisScript<
  readonly Keys[],
  readonly Extension[],
  readonly ExtendReply[]
>;

/**
 * Sends the extensions that are asked for in one turn in one script call, so that renewing all holds
 * of a process costs one command. In a Redis Cluster each hold has its own.
 */
export class ExtendBatch<Keys> {
  readonly #script: ExtendScript<Keys>;
  readonly #scripts: LockScripts;
  readonly #maxHolds: number;
  #waiting: WaitingExtension<Keys>[] = [];

  constructor(scripts: LockScripts, script: ExtendScript<Keys>, isCluster: boolean) {
    this.#script = script;
    this.#scripts = scripts;
    this.#maxHolds = isCluster ? 1 : MAX_HOLDS;
  }

  /** @throws RedisUnavailableError */
  extend(keys: Keys, extension: Extension): Promise<ExtendReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...extension, keys, resolve, reject });
      if (this.#waiting.length >= this.#maxHolds) this.#flush();
      else if (this.#waiting.length === 1) queueMicrotask(this.#flush);
    });
  }

  readonly #flush = (): void => {
    const holds = this.#waiting;
    this.#waiting = [];
    if (holds.length > 0) void runOutsideRequests(() => this.#settle(holds));
  };

  /** Not on the budget of a request: a hold that ends for that would surprise its holder. */
  async #settle(holds: readonly WaitingExtension<Keys>[]): Promise<void> {
    try {
      const call = { keys: holds.map(({ keys }) => keys), args: holds, outsideBudget: true };
      const replies = await this.#scripts.grant(this.#script, call, (all) => all.some(Boolean));
      for (const [index, hold] of holds.entries()) hold.resolve(replies[index]);
    } catch (error) {
      const isOfOne = holds.length > 1 && !(error instanceof RedisUnavailableError);
      // The server refuses the call for one of them: it is the only one to learn that.
      if (isOfOne) await Promise.all(holds.map((hold) => this.#settle([hold])));
      else for (const hold of holds) hold.reject(error);
    }
  }
}
