declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    'cache.hit': { readonly key: string };
    'cache.miss': { readonly key: string };
    'cache.stored': { readonly key: string; readonly bytes: number };
    /** A loaded value was handed to the caller but not stored. */
    'cache.rejected': { readonly key: string; readonly reason: string };
    /** Keys were invalidated, or what matches a pattern; `removed` is how many were there. */
    'cache.invalidated': ({ readonly keys: readonly string[] } | { readonly pattern: string }) & {
      readonly removed: number;
    };
  }
}

export {};
