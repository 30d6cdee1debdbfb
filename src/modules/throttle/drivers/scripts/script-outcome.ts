/** What a throttle script says to one hit; one entry for each of its checks. */
export interface ScriptOutcome {
  readonly allowed: boolean;
  /** Server time in ms. */
  readonly at: number;
  readonly states: readonly {
    readonly remaining: number;
    readonly resetMs: number;
    readonly retryAfterMs: number;
  }[];
}

/** How the answer to a hit begins; 0 is denied. */
const ALLOWED = 1;
const UNREADABLE = 2;

/** Nothing was counted: the counter of a check is not one of ours. */
export interface UnreadableCounter {
  /** Place of the check, from 0. */
  readonly unreadable: number;
}

/** What a throttle script answers to one hit. */
export type ScriptAnswer = ScriptOutcome | UnreadableCounter;

/**
 * @param reply JSON: [server time, for each hit: 1 allowed | 0 denied, number of checks, for each
 * check: remaining, reset ms, retry ms; or for a hit 2, place of a check from 1]
 */
export function decodeOutcomes(reply: unknown): readonly ScriptAnswer[] {
  const numbers: unknown = JSON.parse(String(reply));
  if (!Array.isArray(numbers)) throw new TypeError('a throttle script replied with no list');
  let taken = 0;
  const take = (): number => Number(numbers[taken++]);
  const at = take();
  const answers: ScriptAnswer[] = [];
  while (taken < numbers.length) {
    const verdict = take();
    if (verdict === UNREADABLE) {
      answers.push({ unreadable: take() - 1 });
      continue;
    }
    const states: ScriptOutcome['states'][number][] = [];
    for (let left = take(); left > 0; left -= 1) {
      states.push({ remaining: take(), resetMs: take(), retryAfterMs: take() });
    }
    answers.push({ allowed: verdict === ALLOWED, at, states });
  }
  return answers;
}
