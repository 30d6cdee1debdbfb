/** `attempts`: of this value, until now. */
interface CacheWriteFailure {
  readonly key: string;
  readonly attempts: number;
  readonly error: unknown;
}

declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    /** `from`: a copy in this process, or what all processes share. */
    'cache.hit': { readonly key: string; readonly from: 'process' | 'store' };
    'cache.miss': { readonly key: string };
    /** A value whose time was over was served: it is being loaded anew, or that failed. */
    'cache.stale': { readonly key: string; readonly reason: 'revalidating' | 'load-failed' };
    /** A call waits for a load that another one of this process began. */
    'cache.joined': { readonly key: string };
    'cache.stored': { readonly key: string; readonly bytes: number };
    /** A load failed that no caller waited for, or one whose caller was served an older value. */
    'cache.load-failed': { readonly key: string; readonly error: unknown };
    /** A value was not stored, or a stored one could not be read. */
    'cache.rejected': { readonly key: string; readonly reason: string };
    /**
     * The source was written, and the cache could not be brought up to date: it may answer with what
     * was there before until that ends. Only of drivers without a failure policy.
     */
    'cache.write-unseen': { readonly key: string; readonly error: unknown };
    /** A write behind failed; it is tried again, or a newer value of the key is. */
    'cache.write-retried': CacheWriteFailure;
    /** A write behind was given up. It is among the dead writes, and its key was removed. */
    'cache.write-dead': CacheWriteFailure;
    /** There are more dead writes than are kept: this one is lost. */
    'cache.write-forgotten': { readonly key: string };
    /** This process' copy of an entry made room for others. */
    'cache.evicted': { readonly key: string };
    /** Keys were invalidated, or what matches a pattern; `removed` is how many were there. */
    'cache.invalidated': ({ readonly keys: readonly string[] } | { readonly pattern: string }) & {
      readonly removed: number;
    };
    /** Everything was outdated at once, or what has any of the tags. */
    'cache.purged': {
      readonly scope: readonly string[] | 'everything';
      readonly kind: 'hard' | 'soft';
    };
  }
}

export {};
