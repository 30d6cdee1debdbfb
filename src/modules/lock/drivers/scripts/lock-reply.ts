/** What a lock script answers: a word, the time in ms that goes with it, and the fence of a hold. */
export interface TaggedReply {
  readonly word: string;
  readonly ms: number;
  readonly fence: number | undefined;
}

export function decodeTagged(reply: unknown): TaggedReply {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  const [word, ms, fence] = reply as readonly unknown[];
  return { word: String(word), ms: Number(ms), fence: decodeFence(fence) };
}

/** As text, because a reply holds no number of 16 digits for sure; '' is none. */
function decodeFence(text: unknown): number | undefined {
  return text === '' || text === null || text === undefined ? undefined : Number(text);
}

/** The holder of a lock, as the scripts see it. */
export interface HolderReply {
  readonly token: string;
  readonly owner: string;
  readonly heldMs: number;
  readonly remainingMs: number;
  readonly fence: number | undefined;
}

/** Reads `{ token, owner, held ms, remaining ms, fence }`; an empty list is a lock that nobody holds. */
export function decodeHolder(reply: unknown): HolderReply | undefined {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  if (reply.length === 0) return undefined;
  const [token, owner, held, remaining, fence] = reply as readonly unknown[];
  return {
    token: String(token),
    owner: String(owner),
    heldMs: Number(held),
    remainingMs: Number(remaining),
    fence: decodeFence(fence),
  };
}

/**
 * Shared by the lock scripts that show a holder. Defines `holder()`: what `decodeHolder` reads. A
 * server clock that was set back shows nobody as holding for less than no time.
 */
export const HOLDER = `
local function holder()
  local found = redis.call('HMGET', KEYS[1], 'token', 'owner', 'since', 'fence')
  if not found[1] then return {} end
  local held = math.max(0, now - tonumber(found[3]))
  return { found[1], found[2], held, redis.call('PTTL', KEYS[1]), found[4] or '' }
end
`;
