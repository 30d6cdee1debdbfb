import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  type FactoryProvider,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { runOutsideRequests } from '../../common/context/index.js';
import {
  REDIS_CONNECTIONS,
  type RedisConnection,
  type RedisConnections,
  RedisUnavailableError,
} from '../../common/redis/index.js';
import { INSTANCE_BEAT } from './drivers/scripts/instance-beat.lua.js';
import { THROTTLE_INSTANCES } from './throttle.keys.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';

const INTERVAL_MS = 5_000;
/** Beats that an instance may miss, and counts that are remembered. */
const BEATS = 3;
/** Nobody waits for a beat: far above what one takes, so that it only fails where Redis does. */
const BOUNDS = { deadlineMs: 1_000, outsideBudget: true } as const;

export interface InstanceHeartbeatOptions {
  /** Where the instances hear of one another; `undefined`: they do not. */
  readonly connection: RedisConnection | undefined;
  /** How many there are as long as nothing was heard. @default 1 */
  readonly count?: number;
  /** From beat to beat. @default 5000 */
  readonly intervalMs?: number;
}

/**
 * How many instances of the application share its limits: each says in Redis that it is there, and
 * counts those that said so within three intervals.
 *
 * The number is the largest of the last three counts. It is needed when Redis is away: one that came
 * back empty, and goes again before everybody has beaten, must not leave each with the whole limit.
 * One that never answered leaves 1.
 */
export class InstanceHeartbeat implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger(InstanceHeartbeat.name);
  readonly #id = randomUUID();
  readonly #connection: RedisConnection | undefined;
  readonly #intervalMs: number;
  #counts: readonly number[];
  #beating: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor({ connection, count = 1, intervalMs = INTERVAL_MS }: InstanceHeartbeatOptions) {
    this.#connection = connection;
    this.#counts = [count];
    this.#intervalMs = intervalMs;
  }

  /** With this one; stays what it was while Redis is away. */
  get count(): number {
    return Math.max(...this.#counts);
  }

  onApplicationBootstrap(): void {
    if (this.#connection !== undefined) this.#start(this.#connection);
  }

  /** The others need not wait until this one is forgotten. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    // A beat that was sent before must not arrive after the farewell.
    await this.#beating;
    const connection = this.#connection;
    if (connection === undefined) return;
    const key = keyOn(connection);
    await this.#attempt(() => connection.command((client) => client.zrem(key, this.#id), BOUNDS));
  }

  /** On nobody's request, whoever boots the application. */
  #start(connection: RedisConnection): void {
    this.#beating = runOutsideRequests(() => this.#attempt(() => this.#beat(connection)));
    this.#timer = setTimeout(() => this.#again(connection), this.#intervalMs).unref();
  }

  /** Not before the last beat is over, however long that took. */
  #again(connection: RedisConnection): void {
    void this.#beating.then(() => {
      if (!this.#isStopped) this.#start(connection);
    });
  }

  async #beat(connection: RedisConnection): Promise<void> {
    const args = { id: this.#id, forgetAfterMs: BEATS * this.#intervalMs };
    const call = { keys: keyOn(connection), args, ...BOUNDS };
    const count = await connection.script(INSTANCE_BEAT, call);
    this.#counts = [...this.#counts, count].slice(-BEATS);
  }

  /** While Redis is away the last counts hold, so that is nothing to report. */
  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) this.#log.error(error);
    }
  }
}

/** Beats where Redis keeps the counters and nobody said how many instances there are. */
export const instanceHeartbeatProvider: FactoryProvider<InstanceHeartbeat> = {
  provide: InstanceHeartbeat,
  inject: [THROTTLE_OPTIONS, { token: REDIS_CONNECTIONS, optional: true }],
  useFactory: ({ instances, driver }: ResolvedThrottleOptions, redis?: RedisConnections) => {
    if (instances !== undefined) {
      return new InstanceHeartbeat({ connection: undefined, count: instances });
    }
    const connection = driver === undefined ? redis?.use('default', ['command']) : undefined;
    return new InstanceHeartbeat({ connection });
  },
};

function keyOn({ keys }: RedisConnection): string {
  return keys.key(THROTTLE_INSTANCES, 'instances');
}
