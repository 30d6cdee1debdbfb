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
    /** An operator took a lock away from its holder. */
    'lock.force-released': {
      readonly key: string;
      readonly owner: string;
      readonly heldMs: number;
      readonly fence: number | undefined;
      /** Who did it; `undefined` where nobody said. */
      readonly by: string | undefined;
    };
    /** Somebody who was ready to wait for a lock waits no longer, because it was granted or not. */
    'lock.waited': {
      readonly key: string;
      readonly waitedMs: number;
      readonly outcome: 'acquired' | 'timeout' | 'failed';
    };
  }
}

export {};
