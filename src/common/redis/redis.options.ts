import type { Cluster, Redis } from 'ioredis';
import type { Duration } from '../time/index.js';
import type { ModulePrefixes } from './key-modules.js';

/** Address of one Redis, Sentinel or Cluster node. */
export interface RedisNode {
  readonly host: string;
  /** @default 6379, or 26379 for a Sentinel */
  readonly port?: number;
}

/** Transport security; `true` uses the system's certificate authorities. */
export type RedisTls = true | { readonly ca?: string; readonly rejectUnauthorized?: boolean };

interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTls;
}

/** `redis://[user:password@]host:port[/db]`; `rediss://` for TLS. */
export interface RedisUrlTarget {
  readonly url: string;
  /** Only with `rediss://`. */
  readonly tls?: RedisTls;
}

export interface RedisHostTarget extends RedisNode, RedisCredentials {
  /** @default 0 */
  readonly db?: number;
}

export interface RedisSentinelTarget extends RedisCredentials {
  readonly sentinels: readonly RedisNode[];
  /** Name of the master set the Sentinels watch. */
  readonly name: string;
  readonly sentinelPassword?: string;
  /** @default 0 */
  readonly db?: number;
}

export interface RedisClusterTarget extends RedisCredentials {
  readonly cluster: readonly RedisNode[];
}

/** A client the application made itself: used for commands, never closed or reconnected by us. */
export interface RedisBorrowedTarget {
  readonly client: Redis | Cluster;
}

/** One server by itself. */
export type RedisStandaloneTarget = RedisUrlTarget | RedisHostTarget;

/** Where one Redis deployment is. The shapes exclude each other. */
export type RedisTarget =
  RedisStandaloneTarget | RedisSentinelTarget | RedisClusterTarget | RedisBorrowedTarget;

/**
 * Deployments by name. Modules use `default` unless they are told another: a cache on a Redis that
 * evicts, queues on one that never does.
 */
export interface RedisTargets {
  readonly default: RedisTarget;
  readonly cache?: RedisTarget;
  readonly queue?: RedisTarget;
}

export type ConnectionName = keyof RedisTargets;

/** Options of the Redis connection layer. */
export interface RedisOptions {
  readonly connections: RedisTargets;
  /** First part of every key. @default 'bp' */
  readonly prefix?: string;
  /**
   * Replaces `prefix:<module>` for one module, such as `{ cache: 'shop:cache' }`. None may equal,
   * contain or lie inside that of another module.
   */
  readonly modulePrefixes?: ModulePrefixes;
  /** Shown by `CLIENT LIST` as `<app>:<role>`. @default 'backplane' */
  readonly app?: string;
  /**
   * How long a connection may take to become ready before it is dropped and tried again.
   * @default '1s'
   */
  readonly connectTimeout?: Duration;
  /** How long the boot waits for Redis before it goes on degraded. @default '1s' */
  readonly bootTimeout?: Duration;
  /** Longest time one request may spend waiting for Redis, over all its calls. @default '250ms' */
  readonly requestBudget?: Duration;
  /** Refuse to boot when this process would need more connections. @default no limit */
  readonly maxConnections?: number;
  readonly breaker?: BreakerOptions;
}

/** When the gate stops asking Redis, and how it finds out that it may ask again. */
export interface BreakerOptions {
  /** Consecutive failures that open it; a lost connection opens it at once. @default 3 */
  readonly failureThreshold?: number;
  /** Time between probes while it is open. @default '250ms' */
  readonly probeInterval?: Duration;
  /** Commands under way at once; the excess fails immediately. @default 10000 */
  readonly maxInFlight?: number;
}
