import { defineScript } from '../../../../common/redis/index.js';
import { leastFence } from './lock-acquire.lua.js';
import { GRANT } from './lock-grant.lua.js';
import { HANDOVER } from './lock-handover.lua.js';
import type { WaitingClaim } from '../waiting-claim.js';
import type { LockKeys } from './lock-keys.js';
import { ENTER } from './lock-queue.lua.js';
import { decodeFence } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * What claims that wait ask, at first and then again and again: takes the lock where it is free and
 * nobody waits, or where it was handed over; else enters the queue, and says that the process of the
 * claim lives. A lock whose holder's time is over is handed over.
 *
 * KEYS     of each claim: lock, latest fence, queue, waiters
 * ARGV     of each claim: token, channel of its process, arrival as it was told or '', the claim as
 *          JSON: [owner, time to live in ms, least fence or '', channel]
 * Returns  of each claim: { 'acquired', time left in ms, fence or '' }
 *          | { 'busy', time left of the holder in ms, arrival }
 * Cost     O(claims × log waiters), and O(waiters) where they are dead; of each 7 commands at most
 *          when busy, 6 when taken, 15 when the lock is handed over
 */
export const WAIT = defineScript<readonly LockKeys[], WaitArguments, readonly WaitReply[]>({
  name: 'lock-wait',
  mode: 'write',
  lua: `${RENEW}${GRANT}${HANDOVER}${ENTER}
local answers = {}
for i = 1, #KEYS / 4 do
  local k, a = 4 * i - 3, 4 * i - 3
  local lock, token, claim = KEYS[k], arg(a), arg(a + 3)
  local holder = redis.call('HMGET', lock, 'token', 'fence')
  if holder[1] == token then
    answers[i] = { 'acquired', renew(lock, cjson.decode(claim)[2]), holder[2] or '' }
  elseif not holder[1] and redis.call('EXISTS', KEYS[k + 2]) == 0 then
    local wanted = cjson.decode(claim)
    answers[i] = { 'acquired', wanted[2], grant(lock, KEYS[k + 1], token, wanted, wanted[2]) }
  else
    local place = enter(k, token, arg(a + 1), arg(a + 2), claim)
    local given, life, fence
    if not holder[1] then given, life, fence = hand_over(k, token) end
    if given == token then
      answers[i] = { 'acquired', life, fence }
    else
      answers[i] = { 'busy', math.max(0, redis.call('PTTL', lock)), place }
    end
  end
end
return answers
`,
  keys: (locks) =>
    locks.flatMap(({ lock, fence, queue, waiters }) => [lock, fence, queue, waiters]),
  args: ({ channel, claims }) =>
    claims.flatMap(({ claim, arrival }) => {
      const { token, owner, ttlMs, fence } = claim;
      const text = JSON.stringify([owner, ttlMs, leastFence(fence), channel]);
      return [token, channel, arrival, text];
    }),
  decode: decodeWaiting,
});

/** What claims that wait are asked with. */
export interface WaitArguments {
  /** Where this process is told of locks that were handed over to it. */
  readonly channel: string;
  readonly claims: readonly Pick<WaitingClaim, 'claim' | 'arrival'>[];
}

/** What became of one claim. */
export type WaitReply =
  | { readonly word: 'acquired'; readonly ms: number; readonly fence: number | undefined }
  | { readonly word: 'busy'; readonly ms: number; readonly arrival: string }
  /** Of permits: the key has another number of them. */
  | { readonly word: 'misuse'; readonly of: number };

/** Reads one answer for each claim. */
export function decodeWaiting(reply: unknown): readonly WaitReply[] {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  return reply.map((answer: readonly unknown[]): WaitReply => {
    const [word, ms, last] = answer;
    if (word === 'misuse') return { word, of: Number(ms) };
    return word === 'acquired'
      ? { word, ms: Number(ms), fence: decodeFence(last) }
      : { word: 'busy', ms: Number(ms), arrival: String(last) };
  });
}
