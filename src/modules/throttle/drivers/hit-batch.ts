import {
  currentRequest,
  type RedisBudget,
  runOutsideRequests,
} from '../../../common/context/index.js';
import type { RedisConnection } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import { packChecks, type ScriptCheck } from './scripts/script-checks.js';
import type { ScriptAnswer } from './scripts/script-outcome.js';
import { consumeScript } from './scripts/throttle-consume.lua.js';

/** How calls of the driver are bounded. */
export interface ThrottleBounds {
  /** Longest wait for one call. */
  readonly deadlineMs: number;
  /** For tests that step time; without it the server's clock decides. */
  readonly clock?: Clock;
}

/** Hits in one call: Redis does nothing else while it runs. */
const MAX_HITS = 64;

interface WaitingHit {
  readonly checks: readonly ScriptCheck[];
  /** Of its request. */
  readonly budget: RedisBudget | undefined;
  resolve(outcome: ScriptAnswer): void;
  reject(error: unknown): void;
}

/**
 * Sends the hits that come in one turn of the event loop in one script call: what a command costs
 * the client and the server is most of what a hit costs. They are decided one after the other, in
 * the order they came, so each as if it had been alone.
 *
 * A hit takes of its request's time for Redis, but is sent when there is none left: it has a
 * deadline of its own, and a request that could use its time up could escape its limits.
 */
export class HitBatch {
  readonly #connection: RedisConnection;
  readonly #bounds: ThrottleBounds;
  readonly #maxHits: number;
  #waiting: WaitingHit[] = [];

  constructor(connection: RedisConnection, bounds: ThrottleBounds) {
    this.#connection = connection;
    this.#bounds = bounds;
    // The keys of one call have to be in one slot.
    this.#maxHits = connection.topology === 'cluster' ? 1 : MAX_HITS;
  }

  /** @throws RedisUnavailableError */
  consume(checks: readonly ScriptCheck[]): Promise<ScriptAnswer> {
    const budget = currentRequest()?.redisBudget;
    budget?.start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ checks, budget, resolve, reject });
      if (this.#waiting.length >= this.#maxHits) this.#flush();
      else if (this.#waiting.length === 1) runOutsideRequests(() => setImmediate(this.#flush));
    });
  }

  readonly #flush = (): void => {
    const hits = this.#waiting;
    this.#waiting = [];
    if (hits.length > 0) void runOutsideRequests(() => this.#settle(hits));
  };

  async #settle(hits: readonly WaitingHit[]): Promise<void> {
    try {
      const outcomes = await this.#send(hits.map(({ checks }) => checks));
      for (const [index, hit] of hits.entries()) hit.resolve(outcomeAt(outcomes, index));
    } catch (error) {
      for (const hit of hits) hit.reject(error);
    } finally {
      for (const { budget } of hits) budget?.stop();
    }
  }

  #send(hits: readonly (readonly ScriptCheck[])[]): Promise<readonly ScriptAnswer[]> {
    const packed = packChecks(hits);
    const script = consumeScript(packed.kinds);
    return this.#connection.script(script, { keys: packed, args: packed, ...this.#bounds });
  }
}

function outcomeAt(outcomes: readonly ScriptAnswer[], index: number): ScriptAnswer {
  const outcome = outcomes[index];
  if (outcome === undefined) throw new TypeError('a throttle script did not answer every hit');
  return outcome;
}
