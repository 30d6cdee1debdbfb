import { Redis } from 'ioredis';
import {
  type CallBounds,
  type RedisConnection,
  type RedisScript,
  RedisUnavailableError,
  type ScriptCall,
} from '../../../common/redis/index.js';
import { otherKind } from './lock-rules.js';

export interface LockScriptsOptions {
  /** Longest wait for one call, and for the replicas. */
  readonly deadlineMs: number;
  /** Replicas that have to have a grant before it counts. @default 0 */
  readonly replicas?: number | undefined;
}

/** How a call is bounded where that is not as usual. */
type Bounds = Partial<CallBounds>;

/**
 * Runs the scripts of locks. Grants may have to be known to replicas: then they are sent on a
 * connection of their own, where WAIT holds up nobody else.
 *
 * @see https://redis.io/docs/latest/commands/wait/
 */
export class LockScripts {
  readonly #connection: RedisConnection;
  readonly #deadlineMs: number;
  readonly #replicas: number;
  /** Connections made so far: one that was lost has taken along what there was to wait for. */
  #epoch = 0;

  constructor(connection: RedisConnection, { deadlineMs, replicas = 0 }: LockScriptsOptions) {
    this.#connection = connection;
    this.#deadlineMs = deadlineMs;
    this.#replicas = replicas;
    if (replicas > 0) connection.client('durable').on('close', () => (this.#epoch += 1));
  }

  /** Has a grant to be known to replicas? */
  get isDurable(): boolean {
    return this.#replicas > 0;
  }

  /** @throws RedisUnavailableError @throws LockMisuseError where something else uses the key */
  async run<Keys, Args, Reply>(
    script: RedisScript<Keys, Args, Reply>,
    call: Pick<ScriptCall<Keys, Args>, 'keys' | 'args'> & Bounds,
  ): Promise<Reply> {
    const usual = { deadlineMs: this.#deadlineMs, outsideBudget: call.isSurvey === true };
    const bounded = { ...usual, ...call, ...this.#onClient };
    try {
      return await this.#connection.script(script, bounded);
    } catch (error) {
      throw asMisuse(error);
    }
  }

  /**
   * The same for a script that may grant: a reply that does counts once enough replicas have it. Where
   * they do not say so in time, what became of it is unknown, as if the reply had been lost.
   */
  grant<Keys, Args, Reply>(
    script: RedisScript<Keys, Args, Reply>,
    call: Pick<ScriptCall<Keys, Args>, 'keys' | 'args'> & Bounds,
    isGranted: (reply: Reply) => boolean,
  ): Promise<Reply> {
    const reply = this.run(script, call);
    return this.isDurable ? this.#confirmed(reply, isGranted) : reply;
  }

  async #confirmed<Reply>(
    answer: Promise<Reply>,
    isGranted: (reply: Reply) => boolean,
  ): Promise<Reply> {
    const epoch = this.#epoch;
    const reply = await answer;
    if (isGranted(reply)) await this.#awaitReplicas(epoch);
    return reply;
  }

  async #awaitReplicas(epoch: number): Promise<void> {
    const client = this.#connection.client('durable');
    if (!(client instanceof Redis)) throw new TypeError('a cluster is refused when it is set up');
    const wait = (): Promise<number> => client.wait(this.#replicas, this.#deadlineMs);
    // Replicas that are slow say nothing about Redis; its own answer comes at the end of the time.
    const bounds = { deadlineMs: 2 * this.#deadlineMs, isSurvey: true };
    const have = await this.#connection.gate.run(wait, bounds);
    if (have >= this.#replicas && epoch === this.#epoch) return;
    const cause = new Error(`${have} of ${this.#replicas} replicas have the lock`);
    throw new RedisUnavailableError('deadline', { cause });
  }

  /**
   * Behind a WAIT that takes its whole time a call may be late, which says nothing about Redis: it
   * must not open the breaker for everybody.
   */
  get #onClient() {
    return this.isDurable ? ({ role: 'durable', isSurvey: true } as const) : {};
  }
}

/** Where something else uses the key, that is what there is to say; else the error itself. */
export function asMisuse(error: unknown): unknown {
  return error instanceof Error && error.message.includes('WRONGTYPE') ? otherKind() : error;
}
