import { randomUUID } from 'node:crypto';
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { runOutsideRequests } from '../../../common/context/index.js';
import type { EventStream } from '../../../common/events/index.js';
import { type RedisConnection, RedisUnavailableError } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import {
  type OffenderKeys,
  PUBLISH_OFFENDERS,
  READ_OFFENDERS,
} from '../drivers/scripts/offenders.lua.js';
import { THROTTLE_OFFENDERS, THROTTLE_OFFENDERS_TIMES } from '../throttle.keys.js';
import { mergeSummaries, type Offender, parseSummary } from './offender-summary.js';
import { PERIOD_MS, RecentOffenders } from './recent-offenders.js';
import '../throttle.events.js';

const INTERVAL_MS = 5_000;
/** Offenders that an instance tells the others, and that an answer may have. */
export const MAX_OFFENDERS = 100;
/** Whoever has denials tells them anew in every period. */
const FORGET_AFTER_MS = 2 * PERIOD_MS;
/** No request waits for it. */
const BOUNDS = { deadlineMs: 1_000, outsideBudget: true } as const;

export interface TopOffendersOptions {
  /** What says that a hit was denied. */
  readonly events: EventStream;
  readonly clock: Clock;
  /** Where the instances hear of one another; `undefined`: they do not. */
  readonly connection: RedisConnection | undefined;
  /** How often an instance tells what is new. @default 5000 */
  readonly intervalMs?: number;
}

/** Who was denied most, the worst first. */
export interface WorstOffenders {
  readonly offenders: readonly Offender[];
  /** `redis`: of all instances; `memory`: of this process alone. */
  readonly backing: 'redis' | 'memory';
}

/**
 * Who was denied most in the last five to ten minutes. Each process counts in a sketch of bounded
 * size, and where Redis keeps the counters tells the others its worst: one small write for each
 * interval in which something changed. Nothing is looked for among keys.
 */
export class TopOffenders implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger(TopOffenders.name);
  readonly #id = randomUUID();
  readonly #recent: RecentOffenders;
  readonly #connection: RedisConnection | undefined;
  readonly #intervalMs: number;
  #publishing: Promise<void> | undefined;
  /** Of what the others were told. */
  #version = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ events, clock, connection, intervalMs = INTERVAL_MS }: TopOffendersOptions) {
    this.#recent = new RecentOffenders(clock);
    this.#connection = connection;
    this.#intervalMs = intervalMs;
    events.on('throttle.blocked', ({ policy, subject }) => this.#recent.add(policy, subject));
  }

  onApplicationBootstrap(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#timer = setInterval(() => this.#tell(connection), this.#intervalMs).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#publishing;
  }

  /**
   * Of the others as they told last; of this process alone while Redis is away.
   *
   * @param limit as many at most; 100 at most
   */
  async top(limit: number): Promise<WorstOffenders> {
    const own = this.#recent.summary(MAX_OFFENDERS);
    const others = this.#connection && (await this.#othersOn(this.#connection));
    const { offenders } = mergeSummaries([own, ...(others ?? [])], limit);
    return { offenders, backing: others === undefined ? 'memory' : 'redis' };
  }

  async #othersOn(connection: RedisConnection) {
    const args = { id: this.#id, forgetAfterMs: FORGET_AFTER_MS };
    try {
      const call = { keys: keysOn(connection), args, ...BOUNDS };
      const found = await connection.script(READ_OFFENDERS, call);
      return found.map(parseSummary).filter((each) => each !== undefined);
    } catch (error) {
      if (error instanceof RedisUnavailableError) return undefined;
      throw error;
    }
  }

  /** What is not told because the last telling is not over is told the next time. */
  #tell(connection: RedisConnection): void {
    if (this.#publishing !== undefined || this.#recent.version === this.#version) return;
    const publish = () => this.#publish(connection);
    this.#publishing = runOutsideRequests(publish).finally(() => (this.#publishing = undefined));
  }

  /** While Redis is away there is nobody to tell, so that is nothing to report. */
  async #publish(connection: RedisConnection): Promise<void> {
    const { version } = this.#recent;
    const summary = JSON.stringify(this.#recent.summary(MAX_OFFENDERS));
    const args = { id: this.#id, summary, forgetAfterMs: FORGET_AFTER_MS };
    try {
      await connection.script(PUBLISH_OFFENDERS, { keys: keysOn(connection), args, ...BOUNDS });
      this.#version = version;
    } catch (error) {
      if (!(error instanceof RedisUnavailableError)) this.#log.error(error);
    }
  }
}

function keysOn({ keys }: RedisConnection): OffenderKeys {
  return {
    times: keys.key(THROTTLE_OFFENDERS_TIMES, 'offenders', 'times'),
    summaries: keys.key(THROTTLE_OFFENDERS, 'offenders'),
  };
}
