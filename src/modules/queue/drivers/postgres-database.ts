import type { EventEmitter } from 'node:events';
import type { PgPool } from 'bullmq';
import type { BullLibrary } from './bull-backend.js';
import { type QueueDatabase, SCHEMA, StartOnce } from './queue-database.js';

/** Connections: one for each worker and waiting caller, the rest for everything else. */
const MAX_CONNECTIONS = 20;

/** The constructor of `pg.Pool`, as far as it is used. */
export type PgPoolClass = new (config: {
  readonly connectionString: string;
  readonly max: number;
  readonly keepAlive: boolean;
  readonly connectionTimeoutMillis: number;
  readonly options: string;
}) => EventEmitter;

/** A PostgreSQL server; 13 or newer. All queues of the process share one pool. */
export class PostgresDatabase implements QueueDatabase {
  readonly pool: PgPool;
  readonly #bull: BullLibrary;
  readonly #start = new StartOnce(() => this.#migrate());

  constructor(bull: BullLibrary, url: string, driver: { readonly Pool: PgPoolClass }) {
    this.#bull = bull;
    const pool = new driver.Pool({
      connectionString: url,
      max: MAX_CONNECTIONS,
      keepAlive: true,
      connectionTimeoutMillis: 2_000,
      options: `-c search_path=${SCHEMA}`,
    });
    // Every queue and worker listens to it.
    pool.setMaxListeners(0);
    // An idle connection that drops is replaced by the pool; without a listener it ends the
    // process.
    pool.on('error', () => undefined);
    // BullMQ's own words for what it needs of a pool; pg's types say the same in others.
    this.pool = pool as object as PgPool;
  }

  get isStarted(): boolean {
    return this.#start.isDone;
  }

  /** Other processes may have stored jobs. */
  get awake(): Promise<void> {
    return Promise.resolve();
  }

  start(): Promise<void> {
    return this.#start.run();
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  /** Safe when several processes start at once: BullMQ takes an advisory lock. */
  async #migrate(): Promise<void> {
    const client = await this.pool.connect();
    try {
      await this.#bull.runMigrations(client, SCHEMA);
    } finally {
      client.release();
    }
  }
}
