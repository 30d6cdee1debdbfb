import { defineScript } from '../../../../common/redis/index.js';
import type { ReleaseOutcome } from '../../lock.driver.js';
import { RELEASE_KNOWN_MS } from '../lock-rules.js';
import { GRANT } from './lock-grant.lua.js';
import { HANDOVER } from './lock-handover.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeFence } from './lock-reply.js';

/**
 * Ends the hold of a token, and remembers that it did, for a caller that never got the answer; hands
 * the lock over to the first who waits. A token that only waits leaves the queue.
 *
 * KEYS     lock, latest fence, queue, waiters, mark that the token released it
 * ARGV     token, longest life of the mark in ms, channel of the process that asks, least
 *          time to hold in ms
 * Returns  { 'lost' } | { 'released' }
 *          | { 'released', token, time left in ms, fence or '' } of a new holder of that process
 * Cost     O(log waiters), and O(waiters) where they are dead: 5 commands when released, 4 when lost,
 *          14 when the lock is handed over
 */
export const RELEASE = defineScript<ReleaseKeys, ReleaseArguments, ReleaseReply>({
  name: 'lock-release',
  mode: 'write',
  lua: `
local token, lock, queue, waiters = arg(1), KEYS[1], KEYS[3], KEYS[4]
local holder = redis.call('HMGET', lock, 'token', 'since')
if holder[1] ~= token then
  if redis.call('ZREM', queue, token) == 1 then redis.call('HDEL', waiters, token) end
  return { redis.call('EXISTS', KEYS[5]) == 1 and 'released' or 'lost' }
end
local rest, keep = redis.call('PTTL', lock), tonumber(arg(4))
redis.call('SET', KEYS[5], '', 'PX', math.max(1, math.min(rest, tonumber(arg(2)))))
-- No longer than asked, also where the clock was set back.
if keep > 0 then keep = keep - math.max(0, now - tonumber(holder[2])) end
if keep > 0 then
  redis.call('HSET', lock, 'token', '-' .. token)
  redis.call('PEXPIRE', lock, keep)
  return { 'released' }
end
redis.call('DEL', lock)
if redis.call('EXISTS', queue) == 0 then return { 'released' } end
${GRANT}${HANDOVER}
local given, life, fence = hand_over(1, arg(3))
return { 'released', given, life, fence }
`,
  keys: ({ lock, fence, queue, waiters, released }) => [lock, fence, queue, waiters, released],
  args: ({ token, channel, holdAtLeastMs }) => [token, RELEASE_KNOWN_MS, channel, holdAtLeastMs],
  decode: decodeReleased,
});

interface ReleaseKeys extends LockKeys {
  readonly released: string;
}

interface ReleaseArguments {
  readonly token: string;
  readonly channel: string;
  readonly holdAtLeastMs: number;
}

export interface ReleaseReply {
  readonly outcome: ReleaseOutcome;
  /** Who of this process holds it by now: at most one, or several of a semaphore. */
  readonly next: readonly HandedOver[];
}

/** Who was given a lock that became free, for how long. */
export interface HandedOver {
  readonly token: string;
  readonly ms: number;
  readonly fence: number | undefined;
}

/** Reads the word, and what follows of each new holder. */
export function decodeReleased(reply: unknown): ReleaseReply {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  const [word, ...told] = reply as readonly unknown[];
  const next: HandedOver[] = [];
  for (let at = 0; at < told.length; at += 3) {
    const [token, ms, fence] = told.slice(at, at + 3);
    if (typeof token === 'string') next.push({ token, ms: Number(ms), fence: decodeFence(fence) });
  }
  return { outcome: word === 'released' ? 'released' : 'lost', next };
}
