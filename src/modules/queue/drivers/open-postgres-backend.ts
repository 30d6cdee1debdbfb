import { loadPeer } from '../../../common/errors/index.js';
import type { ResolvedQueueOptions } from '../queue.options.js';
import type { BullBackend, BullLibrary } from './bull-backend.js';
import { PgliteDatabase } from './pglite-database.js';
import { PostgresBullBackend } from './postgres-bull-backend.js';
import { type PgPoolClass, PostgresDatabase } from './postgres-database.js';

/** PostgreSQL at `databaseUrl`, or the embedded one in `dataDir`. @throws MissingPeerError */
export async function openPostgresBackend(
  bull: BullLibrary,
  options: ResolvedQueueOptions,
): Promise<BullBackend> {
  const { databaseUrl, dataDir, deadlineMs } = options;
  if (databaseUrl === undefined) {
    return new PostgresBullBackend(bull, new PgliteDatabase(bull, dataDir), deadlineMs);
  }
  // A variable, because the package has no types of its own to be found.
  const packageName = 'pg';
  const loaded = await loadPeer('QueueModule with databaseUrl', packageName, () =>
    import(packageName).then((module: { readonly default: { readonly Pool: PgPoolClass } }) => module),
  );
  return new PostgresBullBackend(
    bull,
    new PostgresDatabase(bull, databaseUrl, loaded.default),
    deadlineMs,
  );
}
