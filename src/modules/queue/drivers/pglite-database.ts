import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadPeer } from '../../../common/errors/index.js';
import type { BullLibrary } from './bull-backend.js';
import { DataDirLock } from './data-dir-lock.js';
import { createPglitePool, type Pglite } from './pglite-pool.js';
import { type QueueDatabase, SCHEMA, StartOnce } from './queue-database.js';

const IN_MEMORY = 'memory://';

/**
 * An embedded PostgreSQL in a folder (https://pglite.dev). It takes 2 to 4 s to start and about 750
 * MB, so that happens with the first job.
 */
export class PgliteDatabase implements QueueDatabase {
  readonly pool;
  readonly #bull: BullLibrary;
  /** Where the database is: a folder of its own within that of the marks. */
  readonly #files: string;
  readonly #lock: DataDirLock | undefined;
  readonly #start = new StartOnce(() => this.#open());
  #database: Pglite | undefined;

  constructor(bull: BullLibrary, dataDir: string) {
    this.#bull = bull;
    const isInMemory = dataDir.startsWith(IN_MEMORY);
    this.#files = isInMemory ? dataDir : join(dataDir, 'pgdata');
    this.#lock = isInMemory ? undefined : new DataDirLock(dataDir);
    this.pool = createPglitePool(async () => this.#opened());
  }

  get isStarted(): boolean {
    return this.#start.isDone;
  }

  get awake(): Promise<void> {
    return existsSync(this.#files) ? Promise.resolve() : this.#start.done;
  }

  start(): Promise<void> {
    return this.#start.run();
  }

  async close(): Promise<void> {
    await this.#start.settled();
    await this.#shut();
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
    try {
      this.#database = await PGlite.create(this.#files);
      const client = await this.pool.connect();
      await this.#bull.runMigrations(client, SCHEMA);
      await client.query(`SET search_path TO ${SCHEMA}`);
      client.release();
    } catch (error) {
      // So that the next use can try again.
      await this.#shut().catch(() => undefined);
      throw error;
    }
  }

  async #shut(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    try {
      await database?.close();
    } finally {
      await this.#lock?.release();
    }
  }
}
