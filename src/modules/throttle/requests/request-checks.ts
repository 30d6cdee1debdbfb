import { Logger } from '@nestjs/common';
import type { HttpRequest } from '../../../common/http/index.js';
import type { NamedLimit } from '../named-limit.js';
import type { CountedAnswers, LimitSubject } from './request-limit.options.js';
import type { ThrottleCheck } from '../throttle.driver.js';

/** One limit that a request has to pass. */
export interface RequestCheck extends ThrottleCheck {
  readonly count: CountedAnswers;
}

/** Says whose counter is meant. */
export type SubjectOf = (by: LimitSubject) => string | Promise<string>;

const log = new Logger('RateLimits');

/**
 * The checks of a request under its limits. Of one in shadow whose functions fail there is none, and
 * the log says why.
 *
 * @throws LimitMisconfiguredError where a function of the application fails, or gives a limit or
 * cost that cannot be one
 */
export async function requestChecks(
  limits: readonly NamedLimit[],
  request: HttpRequest,
  subjectOf: SubjectOf,
): Promise<readonly RequestCheck[]> {
  const subjects = new Map<LimitSubject, string>();
  const checks: RequestCheck[] = [];
  for (const limit of limits) {
    try {
      const { by, count, fixedPolicy, fixedCost } = limit;
      // What is known is not waited for: every request passes here.
      const policy = fixedPolicy ?? (await limit.policyFor(request));
      if (policy === undefined) continue;
      let subject = subjects.get(by);
      try {
        const named = subject ?? subjectOf(by);
        subject = typeof named === 'string' ? named : await named;
      } catch (error) {
        limit.fail('by', error);
      }
      subjects.set(by, subject);
      checks.push({ subject, policy, cost: fixedCost ?? (await limit.costFor(request)), count });
    } catch (error) {
      if (!limit.shadow) throw error;
      log.error(error);
    }
  }
  return checks;
}
