import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { EventStream } from '../events/index.js';
import { RedisConnection } from './connection.js';
import { KeySpace } from './key-space.js';
import { ConnectionBudgetError } from './redis.errors.js';
import type { ConnectionName, RedisTarget } from './redis.options.js';
import type { ResolvedRedisOptions } from './resolve-redis-options.js';
import type { RedisRole } from './roles.js';

/** Connections of one role on one deployment, before they are opened. */
export interface PlannedConnections {
  readonly connection: ConnectionName;
  readonly role: RedisRole;
  readonly count: number;
}

/** Injection token of `RedisConnections`; resolves to `undefined` where no Redis is configured. */
export const REDIS_CONNECTIONS = Symbol('REDIS_CONNECTIONS');

/**
 * All Redis connections of the application. Modules ask for what they need while they are built;
 * `onModuleInit` then checks the plan against the budget and connects.
 */
export class RedisConnections implements OnModuleInit, OnApplicationShutdown {
  readonly keys: KeySpace;
  readonly options: ResolvedRedisOptions;
  readonly #events: EventStream;
  readonly #connections = new Map<ConnectionName, RedisConnection>();
  readonly #roles = new Map<ConnectionName, Set<RedisRole>>();
  readonly #copies = new Map<RedisConnection, Map<RedisRole, number>>();

  constructor(options: ResolvedRedisOptions, events: EventStream) {
    this.options = options;
    this.keys = new KeySpace(options);
    this.#events = events;
  }

  /**
   * The deployment a module works on, with clients for `roles`. A name that is not configured means
   * the default one.
   */
  use(name: ConnectionName, roles: readonly RedisRole[]): RedisConnection {
    const known = this.options.connections[name] === undefined ? 'default' : name;
    const connection = this.#connections.get(known) ?? this.#create(known);
    for (const role of roles) {
      connection.client(role);
      this.#rolesOf(known).add(role);
    }
    return connection;
  }

  /**
   * Adds clients to the plan that a module makes itself as copies of its client of that role, such
   * as the blocking one each worker needs.
   */
  reserve(connection: RedisConnection, role: RedisRole, copies: number): void {
    const reserved = this.#copies.get(connection) ?? new Map<RedisRole, number>();
    this.#copies.set(connection, reserved);
    reserved.set(role, (reserved.get(role) ?? 0) + copies);
  }

  /** Names that have a deployment of their own. */
  configured(): readonly ConnectionName[] {
    const { cache, queue } = this.options.connections;
    return ['default', ...(cache ? ['cache' as const] : []), ...(queue ? ['queue' as const] : [])];
  }

  /** The deployments in use, in the order in which modules asked for them. */
  list(): readonly RedisConnection[] {
    return [...this.#connections.values()];
  }

  /**
   * What will be, or is, opened. A cluster is counted as its configured nodes and one subscriber.
   */
  plan(): readonly PlannedConnections[] {
    return [...this.#roles].flatMap(([connection, roles]) => {
      const count = socketsPerClient(this.#target(connection));
      return [...roles].map((role) => ({
        connection,
        role,
        count: count * (1 + this.#copiesOf(connection, role)),
      }));
    });
  }

  /** @throws ConnectionBudgetError when the plan needs more than `maxConnections` */
  async onModuleInit(): Promise<void> {
    this.#checkBudget();
    const { bootTimeoutMs } = this.options;
    await Promise.all(this.list().map((connection) => connection.connect(bootTimeoutMs)));
  }

  onApplicationShutdown(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #create(name: ConnectionName): RedisConnection {
    const settings = { ...this.options, ...this.options.breaker, name, target: this.#target(name) };
    const connection = new RedisConnection(settings, this.keys, this.#events);
    this.#connections.set(name, connection);
    this.#rolesOf(name).add('command');
    return connection;
  }

  #copiesOf(name: ConnectionName, role: RedisRole): number {
    const connection = this.#connections.get(name);
    return (connection && this.#copies.get(connection)?.get(role)) ?? 0;
  }

  #target(name: ConnectionName): RedisTarget {
    return this.options.connections[name] ?? this.options.connections.default;
  }

  #rolesOf(name: ConnectionName): Set<RedisRole> {
    const roles = this.#roles.get(name) ?? new Set();
    this.#roles.set(name, roles);
    return roles;
  }

  #checkBudget(): void {
    const allowed = this.options.maxConnections;
    if (allowed === undefined) return;
    const plan = this.plan();
    const needed = plan.reduce((sum, { count }) => sum + count, 0);
    if (needed <= allowed) return;
    const words = plan.map(({ connection, role, count }) => `${connection}/${role} ${count}`);
    throw new ConnectionBudgetError(needed, allowed, words.join(', '));
  }
}

function socketsPerClient(target: RedisTarget): number {
  if ('client' in target) return 0;
  return 'cluster' in target ? target.cluster.length + 1 : 1;
}
