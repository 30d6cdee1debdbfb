import type { RedisProcess } from './redis-process.js';

/** Host and port the way ioredis and our own options take them. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Waits for all servers to start; when one fails, stops the others before it rejects. */
export async function startTogether(
  starts: readonly Promise<RedisProcess>[],
): Promise<RedisProcess[]> {
  const results = await Promise.allSettled(starts);
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure === undefined) return started;
  await stopTogether(started);
  throw failure.reason;
}

export async function stopTogether(servers: readonly RedisProcess[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/** Runs one set-up step; when it fails, stops the servers it was for, then rejects. */
export async function orStop<T>(
  servers: readonly RedisProcess[],
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await stopTogether(servers);
    throw error;
  }
}

export function addressOf(server: RedisProcess): RedisAddress {
  return { host: '127.0.0.1', port: server.port };
}
