import { loadPeer } from '../../../common/errors/index.js';
import type { ResolvedQueueOptions } from '../queue.options.js';
import type { BullBackend, BullLibrary } from './bull-backend.js';
import { PgliteDatabase } from './pglite-database.js';
import { PostgresBullBackend } from './postgres-bull-backend.js';
import { PostgresDatabase } from './postgres-database.js';

/** PostgreSQL at `databaseUrl`, or the embedded one in `dataDir`. @throws MissingPeerError */
export async function openPostgresBackend(
  bull: BullLibrary,
  options: ResolvedQueueOptions,
): Promise<BullBackend> {
  const { databaseUrl, dataDir, deadlineMs } = options;
  if (databaseUrl === undefined) {
    return new PostgresBullBackend(bull, new PgliteDatabase(bull, dataDir), deadlineMs);
  }
  const { default: driver } = await loadPeer(
    'QueueModule with databaseUrl',
    'pg',
    () => import('pg'),
  );
  const database = new PostgresDatabase(bull, databaseUrl, driver);
  return new PostgresBullBackend(bull, database, deadlineMs);
}
