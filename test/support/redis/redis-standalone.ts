import { RedisProcess, type RedisProcessOptions } from './redis-process.js';

/** A server this process started and may freeze or kill. */
export interface OwnRedis {
  readonly url: string;
  readonly process: RedisProcess;
  stop(): Promise<void>;
}

/**
 * A server that others use as well: given to us (`TEST_REDIS_URL`), or kept for all spec files. Only
 * keys under a unique prefix may be touched, and nothing on it is ever flushed, frozen or
 * reconfigured.
 */
export interface SharedRedis {
  readonly url: string;
}

/** Starts one empty server; for suites that make Redis fail, because it is always our own. */
export async function startStandalone(
  options: Omit<RedisProcessOptions, 'mode'> = {},
): Promise<OwnRedis> {
  const process = await RedisProcess.start(options);
  return { url: process.url, process, stop: () => process.stop() };
}
