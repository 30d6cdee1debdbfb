import { existsSync } from 'node:fs';
import { loadPeer } from '../../../common/errors/index.js';
import type { BullLibrary } from './bull-backend.js';
import { DataDirLock } from './data-dir-lock.js';
import { createPglitePool, type Pglite } from './pglite-pool.js';
import { type QueueDatabase, SCHEMA, StartOnce } from './queue-database.js';

const IN_MEMORY = 'memory://';

/**
 * An embedded PostgreSQL in a folder (https://pglite.dev). It takes 2 to 4 s to start and about 750 MB,
 * so that happens with the first job.
 */
export class PgliteDatabase implements QueueDatabase {
  readonly pool;
  readonly #bull: BullLibrary;
  readonly #dataDir: string;
  readonly #lock: DataDirLock | undefined;
  readonly #start = new StartOnce(() => this.#open());
  #database: Pglite | undefined;

  constructor(bull: BullLibrary, dataDir: string) {
    this.#bull = bull;
    this.#dataDir = dataDir;
    this.#lock = dataDir.startsWith(IN_MEMORY) ? undefined : new DataDirLock(dataDir);
    this.pool = createPglitePool(async () => this.#opened());
  }

  get isStarted(): boolean {
    return this.#start.isDone;
  }

  get awake(): Promise<void> {
    return existsSync(this.#dataDir) ? Promise.resolve() : this.#start.done;
  }

  start(): Promise<void> {
    return this.#start.run();
  }

  async close(): Promise<void> {
    await this.#start.settled();
    await this.#database?.close();
    await this.#lock?.release();
  }

  #opened(): Pglite {
    if (this.#database === undefined) throw new Error('the embedded database has not started');
    return this.#database;
  }

  async #open(): Promise<void> {
    const { PGlite } = await loadPeer(
      'QueueModule without Redis and databaseUrl',
      '@electric-sql/pglite',
      () => import('@electric-sql/pglite'),
    );
    await this.#lock?.acquire();
    this.#database = await PGlite.create(this.#dataDir);
    const client = await this.pool.connect();
    await this.#bull.runMigrations(client, SCHEMA);
    await client.query(`SET search_path TO ${SCHEMA}`);
    client.release();
  }
}
