declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    /** A hit was denied by one policy. */
    'throttle.blocked': {
      readonly policy: string;
      readonly subject: string;
      readonly retryAfterMs: number;
    };
    /** A limit in shadow would have denied a hit, which passed. */
    'throttle.shadow_blocked': {
      readonly policy: string;
      readonly subject: string;
      readonly retryAfterMs: number;
    };
    /** A hit passed every check that is enforced; `subjects` in their order. */
    'throttle.allowed': { readonly subjects: readonly string[] };
  }
}

export {};
