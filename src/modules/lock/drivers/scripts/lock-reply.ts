import type { Permits } from '../../lock.driver.js';

/** As text, because a reply holds no number of 16 digits for sure; '' is none. */
export function decodeFence(text: unknown): number | undefined {
  return text === '' || text === null || text === undefined ? undefined : Number(text);
}

/** The holder of a lock, as the scripts see it. */
export interface HolderReply {
  readonly token: string;
  readonly owner: string;
  readonly heldMs: number;
  readonly remainingMs: number;
  readonly fence: number | undefined;
  readonly queue: readonly WaiterReply[];
  /** Of a semaphore. */
  readonly permits?: Permits;
}

interface WaiterReply {
  readonly token: string;
  readonly owner: string;
  readonly waitedMs: number;
}

/** Reads what `holder()` returns; an empty list is a lock that nobody holds. */
export function decodeHolder(reply: unknown): HolderReply | undefined {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  if (reply.length === 0) return undefined;
  const [token, owner, held, remaining, fence, queue] = reply as readonly unknown[];
  return {
    token: String(token),
    owner: String(owner),
    heldMs: Number(held),
    remainingMs: Number(remaining),
    fence: decodeFence(fence),
    queue: (queue as readonly (readonly unknown[])[]).map(decodeWaiter),
  };
}

/** Reads what `holders()` returns; the queue comes with the first. */
export function decodeHolders(reply: unknown): readonly HolderReply[] {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  const [[of, queue] = [], ...holders] = reply as readonly (readonly unknown[])[];
  return holders.flatMap((holder, index) => {
    const shown = decodeHolder([...holder.slice(0, 5), index === 0 ? queue : []]);
    const permits = { take: Number(holder[5]), of: Number(of) };
    return shown === undefined ? [] : [{ ...shown, permits }];
  });
}

function decodeWaiter([token, owner, waited]: readonly unknown[]): WaiterReply {
  return { token: String(token), owner: String(owner), waitedMs: Number(waited) };
}
