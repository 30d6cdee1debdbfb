import { EventEmitter } from 'node:events';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';

/** What is used of PGlite (`@electric-sql/pglite`). */
export interface Pglite {
  exec(text: string): Promise<readonly PgliteResults[]>;
  query(text: string, params: unknown[]): Promise<PgliteResults>;
  listen(channel: string, callback: (payload: string) => void): Promise<unknown>;
  close(): Promise<void>;
}

interface PgliteResults {
  readonly rows: readonly unknown[];
  readonly affectedRows?: number;
}

/** BullMQ's statements begin with comments. */
const LEADING_COMMENTS = /^(?:\s*--[^\n]*\n)*\s*/;
const LISTEN = /^LISTEN\s+"?(\w+)"?/i;

/**
 * Looks like a pool of node-postgres to BullMQ and is the one session of an embedded PostgreSQL. A
 * mutex gives a transaction the session for itself; everything else takes it statement by
 * statement.
 */
export function createPglitePool(database: () => Promise<Pglite>): PgPool {
  const mutex = new Mutex();
  const connect = async () => createClient(await database(), mutex);
  const pool = Object.assign(new EventEmitter(), {
    // BullMQ asks whether silent losses are noticed; there is no network here.
    options: { keepAlive: true },
    connect,
    query: async (text: string, params?: readonly unknown[]) => {
      const client = await connect();
      return client.query(text, params);
    },
    end: async () => undefined,
  });
  // Every queue and worker listens to it.
  pool.setMaxListeners(0);
  // The type is that of a network client, with typed events; this one emits notifications only.
  return pool as object as PgPool;
}

function createClient(database: Pglite, mutex: Mutex): PgPoolClient {
  const emitter = new EventEmitter();
  let release: (() => void) | undefined;
  const end = (): void => {
    release?.();
    release = undefined;
  };
  const query = async (text: string, params: readonly unknown[] = []): Promise<PgQueryResult> => {
    const statement = text.replace(LEADING_COMMENTS, '');
    const [, channel] = LISTEN.exec(statement) ?? [];
    if (channel !== undefined) {
      await database.listen(channel, (payload) =>
        emitter.emit('notification', { channel, payload }),
      );
      return { rows: [] };
    }
    const word = /^\w+/.exec(statement)?.[0].toUpperCase();
    if (word === 'BEGIN') release = await mutex.acquire();
    const isInTransaction = release !== undefined;
    const free = isInTransaction ? undefined : await mutex.acquire();
    try {
      return await run(database, text, params);
    } finally {
      free?.();
      if (word === 'COMMIT' || word === 'ROLLBACK') end();
    }
  };
  const client = Object.assign(emitter, { query, release: end });
  return client as object as PgPoolClient;
}

/** Several statements in one text, as in migrations, are possible without parameters only. */
async function run(
  database: Pglite,
  text: string,
  params: readonly unknown[],
): Promise<PgQueryResult> {
  const result =
    params.length === 0
      ? (await database.exec(text)).at(-1)
      : await database.query(text, [...params]);
  return { rows: [...(result?.rows ?? [])], rowCount: result?.affectedRows ?? null };
}

class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Resolves to the function that lets the next one in. */
  async acquire(): Promise<() => void> {
    const before = this.#last;
    let release = (): void => undefined;
    this.#last = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }
}
