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

/**
 * @param reply { server time, for each hit: 1 allowed | 0 denied, number of checks, for each check:
 * remaining, reset ms, retry ms }
 */
export function decodeOutcomes(reply: unknown): readonly ScriptOutcome[] {
  if (!Array.isArray(reply)) throw new TypeError('a throttle script replied with no list');
  let taken = 0;
  const take = (): number => Number(reply[taken++]);
  const at = take();
  const outcomes: ScriptOutcome[] = [];
  while (taken < reply.length) {
    const allowed = take() === 1;
    const states: ScriptOutcome['states'][number][] = [];
    for (let left = take(); left > 0; left -= 1) {
      states.push({ remaining: take(), resetMs: take(), retryAfterMs: take() });
    }
    outcomes.push({ allowed, at, states });
  }
  return outcomes;
}
