import { Redis } from 'ioredis';

/** Longest time one question to a test server may take. */
const QUERY_TIMEOUT_MS = 5_000;

/**
 * Connects to one server, runs `query`, and disconnects. Never retries and never waits longer than
 * some seconds, so a frozen server makes it reject instead of hang.
 *
 * It speaks RESP2: a Sentinel and an old server understand it too.
 */
export async function queryRedis<T>(url: string, query: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    // After a refused connection ioredis leaves a timer of this length behind (by default 2 s).
    disconnectTimeout: 100,
    connectTimeout: QUERY_TIMEOUT_MS,
    commandTimeout: QUERY_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  // The same failure rejects `connect()` or the command; unheard, the event would be logged as
  // well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await query(client);
  } finally {
    client.disconnect();
  }
}

/**
 * Reads one field from the answer of `INFO` or `CLUSTER INFO`; `undefined` when it is not there.
 */
export function infoField(info: string, field: string): string | undefined {
  const line = info.split('\r\n').find((candidate) => candidate.startsWith(`${field}:`));
  return line?.slice(field.length + 1);
}
