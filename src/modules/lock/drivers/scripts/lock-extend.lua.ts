import { defineScript } from '../../../../common/redis/index.js';
import type { LockRef } from '../../lock.driver.js';
import { decodeFence } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * Makes the holds of tokens last longer.
 *
 * KEYS     lock of each
 * ARGV     of each: token, time to live in ms
 * Returns  of each: { time left in ms, or -1 where it is lost, fence or '' }
 * Cost     O(holds): at most 3 commands each
 */
export const EXTEND = defineScript<readonly string[], readonly Extension[], readonly ExtendReply[]>(
  {
    name: 'lock-extend',
    mode: 'write',
    lua: `${RENEW}
local answers = {}
for i, lock in ipairs(KEYS) do
  local holder = redis.call('HMGET', lock, 'token', 'fence')
  if holder[1] == arg(2 * i - 1) then
    answers[i] = { renew(lock, tonumber(arg(2 * i))), holder[2] or '' }
  else
    answers[i] = { -1, '' }
  end
end
return answers
`,
    keys: (locks) => locks,
    args: (holds) => holds.flatMap(({ ref, ttlMs }) => [ref.token, ttlMs]),
    decode: decodeExtended,
  },
);

export interface Extension {
  readonly ref: LockRef;
  readonly ttlMs: number;
}

/** `undefined`: the token does not hold it. */
export type ExtendReply = { readonly ms: number; readonly fence: number | undefined } | undefined;

/** Reads one answer for each hold. */
export function decodeExtended(reply: unknown): readonly ExtendReply[] {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  return reply.map(([ms, fence]: readonly unknown[]) =>
    Number(ms) < 0 ? undefined : { ms: Number(ms), fence: decodeFence(fence) },
  );
}
