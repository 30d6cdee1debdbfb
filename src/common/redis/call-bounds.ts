/** How one call is bounded. */
export interface CallBounds {
  readonly deadlineMs: number;
  /** `true` for work that takes many calls by nature, such as clearing by pattern. @default `isSurvey` */
  readonly outsideBudget?: boolean;
  /**
   * `true` for a step of work that looks at a lot of data and that the traffic does not depend on, such
   * as a list for operators: its own size may be why it is slow or refused. It is outside of the
   * budget of its request unless `outsideBudget` is `false`, and what it comes to neither opens the
   * breaker nor shows that Redis is well. @default false
   */
  readonly isSurvey?: boolean;
}

/** One step of a survey: far more time than traffic gets, and still an end. */
export const SURVEY: CallBounds = { deadlineMs: 1_000, isSurvey: true };
