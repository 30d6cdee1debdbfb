import { Inject, Injectable, Optional } from '@nestjs/common';
import {
  REDIS_CONNECTIONS,
  type RedisConnection,
  type RedisConnections,
} from '../../common/redis/index.js';
import { type Details, ServiceDetails } from '../../common/status/index.js';
import { HEALTH_OPTIONS } from './health.module-definition.js';
import type { ResolvedHealthOptions } from './health.options.js';

/** What `/health/deep` adds. Names, units and nesting are what monitors rely on. */
export interface DeepHealth {
  readonly process: {
    readonly uptime_s: number;
    readonly rss_bytes: number;
    readonly heap_used_bytes: number;
    readonly heap_total_bytes: number;
    /** Memory outside of V8's heap that its objects hold, such as buffers. */
    readonly external_bytes: number;
  };
  readonly pools: {
    readonly planned_connections: number;
    /** `null`: no limit. */
    readonly max_connections: number | null;
    readonly redis: readonly RedisPool[];
  };
  /** By service, what it tells of itself. */
  readonly details: Readonly<Record<string, Details>>;
}

/** Connections of this process to one Redis, and its request-path calls since the start. */
export interface RedisPool {
  readonly connection: string;
  readonly gate: 'open' | 'half-open' | 'closed';
  readonly connections: number;
  readonly calls: number;
  readonly failures: number;
  readonly rejected: number;
  readonly in_flight: number;
}

/** Gathers what is inside of this process: memory, connections, and what each service tells. */
@Injectable()
export class DeepHealthService {
  constructor(
    @Inject(ServiceDetails) private readonly services: ServiceDetails,
    @Inject(HEALTH_OPTIONS) private readonly options: ResolvedHealthOptions,
    @Optional() @Inject(REDIS_CONNECTIONS) private readonly redis: RedisConnections | undefined,
  ) {}

  /** Never rejects and never takes longer than the deadline. */
  async collect(): Promise<DeepHealth> {
    const details = await this.services.collect(this.options.deadlineMs);
    return { process: processHealth(), pools: this.#pools(), details };
  }

  #pools(): DeepHealth['pools'] {
    const plan = this.redis?.plan() ?? [];
    const planned = (connection?: string): number => {
      const wanted = plan.filter(
        (one) => connection === undefined || one.connection === connection,
      );
      return wanted.reduce((sum, { count }) => sum + count, 0);
    };
    return {
      planned_connections: planned(),
      max_connections: this.redis?.options.maxConnections ?? null,
      redis: (this.redis?.list() ?? []).map((one) => poolOf(one, planned(one.name))),
    };
  }
}

function poolOf({ name, gate }: RedisConnection, connections: number): RedisPool {
  const { inFlight, ...counters } = gate.counters;
  return { connection: name, gate: gate.state, connections, ...counters, in_flight: inFlight };
}

function processHealth(): DeepHealth['process'] {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    uptime_s: Math.round(process.uptime()),
    rss_bytes: rss,
    heap_used_bytes: heapUsed,
    heap_total_bytes: heapTotal,
    external_bytes: external,
  };
}
