declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    'session.created': { readonly id: string; readonly userId: string };
    /** The server's own code stored a session under an id it chose. */
    'session.stored': { readonly id: string };
    /**
     * One session was ended by name; `userId` is known unless Redis was away, or `put` stored it.
     */
    'session.destroyed': { readonly id: string; readonly userId: string | undefined };
    /** Every session of a user was ended at once. */
    'session.revoked': { readonly userId: string; readonly count: number };
    /** A cookie opened nothing: not of our making, forged, expired or destroyed. */
    'session.rejected': { readonly reason: 'malformed' | 'invalid' };
    /** A stored session cannot be read by this release and counts as absent. */
    'session.unreadable': { readonly id: string; readonly reason: string };
  }
}

export {};
