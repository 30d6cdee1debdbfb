import { Inject, Injectable, Optional } from '@nestjs/common';
import {
  masters,
  REDIS_CONNECTIONS,
  type RedisConnection,
  type RedisConnections,
  RedisUnavailableError,
} from '../../common/redis/index.js';
import { HEALTH_OPTIONS } from './health.module-definition.js';
import type { ResolvedHealthOptions } from './health.options.js';
import { parseInfo, type RedisNodeInfo } from './redis-info.js';

/** Body of `/health/redis`. Names, units and nesting are what monitors rely on. */
export interface RedisHealth {
  readonly status: 'healthy' | 'unhealthy' | 'disabled';
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * Asks Redis how it is, on connections of its own and within one deadline. Calls that come while
 * one is under way share it, so a busy monitor adds no load.
 */
@Injectable()
export class RedisHealthService {
  #current: Promise<RedisHealth> | undefined;

  constructor(
    @Inject(HEALTH_OPTIONS) private readonly options: ResolvedHealthOptions,
    @Optional() @Inject(REDIS_CONNECTIONS) private readonly redis: RedisConnections | undefined,
  ) {
    for (const name of redis?.configured() ?? []) redis?.use(name, ['probe']);
  }

  /** Never rejects and never takes longer than the deadline. */
  check(): Promise<RedisHealth> {
    this.#current ??= this.#check().finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  async #check(): Promise<RedisHealth> {
    if (this.redis === undefined) {
      return { status: 'disabled', details: { mode: 'embedded' } };
    }
    const checks = this.redis.list().map(async (connection) => {
      return [connection.name, await this.#inspect(connection)] as const;
    });
    const results = await Promise.all(checks);
    const isHealthy = results.every(([, result]) => !('reason' in result));
    const [, first = {}] = results.find(([name]) => name === 'default') ?? [];
    const others = results.filter(([name]) => name !== 'default');
    return {
      status: isHealthy ? 'healthy' : 'unhealthy',
      details: {
        ...first,
        connections: this.redis.plan(),
        ...(others.length === 0 ? {} : { named: Object.fromEntries(others) }),
      },
    };
  }

  /**
   * With `ping_ms` when the server answered, and with a reason, in one word, when services do not
   * use it: a server that refuses writes (a full one, a replica, …) answers every ping.
   */
  async #inspect(connection: RedisConnection): Promise<Readonly<Record<string, unknown>>> {
    const { deadlineMs } = this.options;
    try {
      const startedAt = performance.now();
      await connection.inspect((client) => client.ping(), deadlineMs);
      const pingMs = Math.round((performance.now() - startedAt) * 100) / 100;
      const left = Math.max(1, deadlineMs - pingMs);
      const information = await readInfo(connection, left);
      return { ping_ms: pingMs, ...stateOf(connection), ...information };
    } catch (error) {
      const reason = error instanceof RedisUnavailableError ? error.reason : 'error';
      // The code of a lost connection says more; for any other reason it would be of an earlier
      // loss.
      const isLost = reason === 'connection';
      return {
        ...stateOf(connection),
        reason: (isLost ? connection.lastError : undefined) ?? reason,
      };
    }
  }
}

function stateOf({ topology, gate }: RedisConnection): object {
  const reason = gate.isClosed ? {} : { reason: gate.trouble ?? 'open' };
  return { topology, gate: gate.state, ...reason };
}

/**
 * Managed servers may refuse INFO: then the page says so and goes without. A server that does not
 * answer it (in a cluster, one that the ping did not go to) is a different matter.
 */
async function readInfo(connection: RedisConnection, deadlineMs: number): Promise<object> {
  try {
    const texts = await connection.inspect(
      (client) => Promise.all(masters(client).map((node) => node.info())),
      deadlineMs,
    );
    return describe(texts.map(parseInfo));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof RedisUnavailableError && error.reason !== 'refused') throw error;
    return { unavailable: ['INFO'] };
  }
}

/** Sums over the masters of a cluster; a single server is a sum of one. */
function describe(nodes: readonly RedisNodeInfo[]): object {
  const [first] = nodes;
  return {
    version: first?.version,
    role: first?.role,
    memory: {
      used_bytes: sum(nodes, 'usedBytes'),
      max_bytes: sum(nodes, 'maxBytes'),
      fragmentation_ratio: Math.max(...nodes.map((node) => node.fragmentationRatio ?? 0)),
      eviction_policy: first?.evictionPolicy,
    },
    clients: { connected: sum(nodes, 'connectedClients') },
  };
}

function sum(
  nodes: readonly RedisNodeInfo[],
  field: 'usedBytes' | 'maxBytes' | 'connectedClients',
): number {
  return nodes.reduce((total, node) => total + (node[field] ?? 0), 0);
}
