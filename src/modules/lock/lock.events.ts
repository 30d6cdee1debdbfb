declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    /** A lock was granted, after that much waiting. */
    'lock.acquired': { readonly key: string; readonly waitedMs: number };
    /** A holder gave its lock back in time. */
    'lock.released': { readonly key: string; readonly heldMs: number };
    /**
     * A holder found out that it holds no longer, or is told: somebody else was faster when Redis
     * came back. Once for each hold.
     */
    'lock.lost': { readonly key: string; readonly heldMs: number };
    /** Somebody who found a lock busy stopped waiting. */
    'lock.waited': {
      readonly key: string;
      readonly waitedMs: number;
      readonly outcome: 'acquired' | 'timeout' | 'failed';
    };
  }
}

export {};
