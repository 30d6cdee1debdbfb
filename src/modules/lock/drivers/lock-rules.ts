import { checkKeyText } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';

/** How long a release is remembered at most: far above a retry. */
export const RELEASE_KNOWN_MS = 10_000;

/** Characters of a token that operators see. */
export const SHOWN_OF_TOKEN = 6;

/** Refuses what no driver can keep. @throws InvalidOptionError */
export function checkHold(key: string, ttlMs: number): void {
  checkKeyText(key, 'key');
  parseDuration(ttlMs, 'ttl');
}
