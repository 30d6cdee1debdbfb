import { RedisProcess, type RedisProcessOptions } from './redis-process.js';

/** A server this process started and may freeze or kill. */
export interface OwnRedis {
  readonly external: false;
  readonly url: string;
  readonly process: RedisProcess;
  stop(): Promise<void>;
}

/**
 * A server that somebody gave us (`TEST_REDIS_URL`): shared, so only keys under a unique prefix may
 * be touched, and nothing on it is ever flushed, frozen or reconfigured.
 */
export interface ExternalRedis {
  readonly external: true;
  readonly url: string;
  /** Leaves the server alone. */
  stop(): Promise<void>;
}

/** Starts one empty server; for suites that make Redis fail, because it is always our own. */
export async function startStandalone(
  options: Omit<RedisProcessOptions, 'mode'> = {},
): Promise<OwnRedis> {
  const process = await RedisProcess.start(options);
  return { external: false, url: process.url, process, stop: () => process.stop() };
}
