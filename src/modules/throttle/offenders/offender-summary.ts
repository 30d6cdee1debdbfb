import { z } from 'zod';

/** A subject that a policy denied hits. */
export interface Offender {
  readonly policy: string;
  readonly subject: string;
  /** Hits that were denied: as many or up to `error` fewer, never more. */
  readonly blocked: number;
  readonly error: number;
}

/** The worst of those that were denied, the worst first. */
export interface OffenderSummary {
  readonly offenders: readonly Offender[];
  /** Who is not among them was denied so often at most. */
  readonly unlisted: number;
}

/**
 * One summary of all: with counts that were in several added up, and as many offenders as wanted. Of
 * whom a summary does not list, it may have counted as many as `unlisted` says, which go into both
 * the count and its error (Agarwal et al., "Mergeable Summaries", 2012).
 */
export function mergeSummaries(
  summaries: readonly OffenderSummary[],
  most: number,
): OffenderSummary {
  const known = new Map<string, Offender>();
  let unlisted = 0;
  for (const summary of summaries) {
    const listed = new Map(summary.offenders.map((each) => [offenderKey(each), each]));
    for (const [key, each] of listed) {
      if (!known.has(key)) known.set(key, { ...each, blocked: unlisted, error: unlisted });
    }
    for (const [key, { policy, subject, blocked, error }] of known) {
      const { blocked: more, error: also } = listed.get(key) ?? guess(summary);
      known.set(key, { policy, subject, blocked: blocked + more, error: error + also });
    }
    unlisted += summary.unlisted;
  }
  return worstOf([...known.values()], most, unlisted);
}

/** @param unlisted how often anybody was denied at most who is not among `all` */
export function worstOf(all: readonly Offender[], most: number, unlisted: number): OffenderSummary {
  const worstFirst = all.toSorted((a, b) => b.blocked - a.blocked || a.error - b.error);
  return {
    offenders: worstFirst.slice(0, most),
    unlisted: worstFirst[most]?.blocked ?? unlisted,
  };
}

/** No two have the same: after the length, both may hold any character. */
export function offenderKey({ policy, subject }: Pick<Offender, 'policy' | 'subject'>): string {
  return `${policy.length}:${policy}${subject}`;
}

const count = z.int().min(0);
const stored = z.object({
  offenders: z.array(
    z.object({ policy: z.string(), subject: z.string(), blocked: count, error: count }),
  ),
  unlisted: count,
});

/** What was stored as JSON; `undefined` for anything else. */
export function parseSummary(text: string): OffenderSummary | undefined {
  try {
    return stored.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function guess({ unlisted }: OffenderSummary): Pick<Offender, 'blocked' | 'error'> {
  return { blocked: unlisted, error: unlisted };
}
