import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { EventStream } from '../events/index.js';
import { RedisConnection } from './connection.js';
import { KeySpace } from './key-space.js';
import { ConnectionBudgetError } from './redis.errors.js';
import type { ConnectionName, RedisStandaloneTarget, RedisTarget } from './redis.options.js';
import type { ResolvedRedisOptions } from './resolve-redis-options.js';
import type { RedisRole } from './roles.js';

/** Connections of one role on one deployment, before they are opened. */
export interface PlannedConnections {
  readonly connection: string;
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
  /** Those that one module opened for itself. */
  readonly #own: RedisConnection[] = [];

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
   * One more server, for the module that asks and for commands only: planned, connected and closed
   * with all others. It is not in `list`, because only its module can tell what its loss means.
   *
   * @param name in events and errors
   */
  open(name: string, target: RedisStandaloneTarget): RedisConnection {
    const connection = this.#connectionTo(name, target);
    this.#own.push(connection);
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
    const own = this.#own.map(({ name }) => ({
      connection: name,
      role: 'command' as const,
      count: 1,
    }));
    const named = [...this.#roles].flatMap(([connection, roles]) => {
      const count = socketsPerClient(this.#target(connection));
      return [...roles].map((role) => ({
        connection,
        role,
        count: count * (1 + this.#copiesOf(connection, role)),
      }));
    });
    return [...named, ...own];
  }

  /** @throws ConnectionBudgetError when the plan needs more than `maxConnections` */
  async onModuleInit(): Promise<void> {
    this.#checkBudget();
    const { bootTimeoutMs } = this.options;
    const all = [...this.list(), ...this.#own];
    await Promise.all(all.map((connection) => connection.connect(bootTimeoutMs)));
  }

  onApplicationShutdown(): void {
    for (const connection of [...this.list(), ...this.#own]) connection.close();
  }

  #create(name: ConnectionName): RedisConnection {
    const connection = this.#connectionTo(name, this.#target(name));
    this.#connections.set(name, connection);
    this.#rolesOf(name).add('command');
    return connection;
  }

  #connectionTo(name: string, target: RedisTarget): RedisConnection {
    const settings = { ...this.options, ...this.options.breaker, name, target };
    return new RedisConnection(settings, this.keys, this.#events);
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
