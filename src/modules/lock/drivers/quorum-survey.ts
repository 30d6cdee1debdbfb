import type { HeldLock } from '../lock.driver.js';
import { isAnswer, type Quorum, type Vote } from './quorum.js';

/** Looked at at the same time, on each master. */
const LISTED_AT_ONCE = 50;

/**
 * At most `limit` locks that a majority holds. Each master finds as many by itself; those that any of
 * them found are looked at on all.
 *
 * @throws RedisUnavailableError when fewer than a majority answer
 */
export async function listOfMajority(quorum: Quorum, limit: number): Promise<readonly HeldLock[]> {
  const lists = await quorum.survey((node) => node.locks.list(limit));
  const found = new Set(lists.flatMap(({ answer = [] }) => answer.map(({ key }) => key)));
  const keys = [...found];
  const held: HeldLock[] = [];
  for (let at = 0; at < keys.length && held.length < limit; at += LISTED_AT_ONCE) {
    const some = keys.slice(at, at + LISTED_AT_ONCE);
    const looked = await Promise.all(some.map((key) => quorum.survey((node) => node.inspect(key))));
    held.push(...looked.flatMap((votes) => heldByMajority(votes, quorum) ?? []));
  }
  return held.slice(0, limit);
}

/**
 * The lock as a majority has it, or may have where some did not answer; `undefined` for what a
 * minority was left with. It ends when the majority does.
 */
export function heldByMajority(
  votes: readonly Vote<HeldLock | undefined>[],
  { nodes, majority }: Quorum,
): HeldLock | undefined {
  const answers = votes.filter(isAnswer).map(({ answer }) => answer);
  const silent = nodes.length - answers.length;
  const holds = answers.filter((lock) => lock !== undefined);
  for (const { tokenPrefix } of holds) {
    const same = holds
      .filter((lock) => lock.tokenPrefix === tokenPrefix)
      .toSorted((one, other) => other.remainingMs - one.remainingMs);
    const last = same[Math.min(majority, same.length) - 1];
    if (last !== undefined && same.length + silent >= majority) return last;
  }
  return undefined;
}
