import type { HttpRequest } from '../../common/http/index.js';
import type { NamedLimit } from './named-limit.js';
import type { CountedAnswers, LimitSubject } from './request-limit.options.js';
import type { ThrottleCheck } from './throttle.driver.js';

/** One limit that a request has to pass. */
export interface RequestCheck extends ThrottleCheck {
  readonly count: CountedAnswers;
}

/** Says whose counter is meant. */
export type SubjectOf = (by: LimitSubject) => Promise<string>;

/**
 * The checks of a request under its limits.
 *
 * @throws InvalidOptionError where the application gives a limit or cost that cannot be one
 */
export async function requestChecks(
  limits: readonly NamedLimit[],
  request: HttpRequest,
  subjectOf: SubjectOf,
): Promise<readonly RequestCheck[]> {
  const subjects = new Map<LimitSubject, Promise<string>>();
  const checkOf = async (limit: NamedLimit): Promise<RequestCheck | undefined> => {
    const policy = await limit.policyFor(request);
    if (policy === undefined) return undefined;
    const subject = subjects.get(limit.by) ?? subjectOf(limit.by);
    subjects.set(limit.by, subject);
    const cost = await limit.costFor(request);
    return { subject: await subject, policy, cost, count: limit.count };
  };
  const checks = await Promise.all(limits.map(checkOf));
  return checks.filter((check) => check !== undefined);
}
