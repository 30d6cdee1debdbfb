/** What is stored under a key. */
export interface StoredEntry {
  readonly bytes: Buffer;
  /** Whole milliseconds until its time is over. */
  readonly remainingMs: number;
  readonly tags: readonly string[];
  /**
   * It is to be loaded anew, since a soft purge, and may be served until that has been done. Never
   * `true` for what was stored after it.
   */
  readonly isPurged: boolean;
  /**
   * `true`: kept in this process alone, while what all share cannot be asked. No copies are made of
   * it: nobody would tell of changes.
   */
  readonly isProvisional?: boolean | undefined;
}

/**
 * `'outdated'`: something outdated it before it was stored, and nobody is ever served it.
 * `'provisional'`: what all share was not changed, as far as is known; this process may keep it.
 */
export type SetOutcome = 'stored' | 'outdated' | 'provisional';

/** What is to be stored. At most 256 tags. Neither the bytes nor the list are changed afterwards. */
export interface NewEntry {
  readonly bytes: Buffer;
  /** A whole number of at least 1. */
  readonly ttlMs: number;
  /** What it was made of: `purge` of any of them outdates it. Texts as keys are. @default none */
  readonly tags?: readonly string[] | undefined;
  /**
   * Of what is stored with a permit: its source was changed by this process, so that those who keep
   * copies have to be told, as they are of what is stored without one. A load tells nobody.
   * @default false
   */
  readonly isChange?: boolean | undefined;
}

/**
 * Leave to store what a load will come to, as long as nothing outdates it meanwhile. Opaque, and of
 * use for the driver that gave it only.
 */
export type LoadPermit = unknown;

/** What was found when a load was announced. */
export interface BegunLoad {
  readonly permit: LoadPermit;
  /** As `get` would give it. */
  readonly entry: StoredEntry | undefined;
}

/** What a purge outdates: the entries with any of these tags, or all. */
export type PurgeScope = readonly string[] | 'everything';

/** `hard`: absent from now on. `soft`: still there, and marked. */
export type PurgeKind = 'hard' | 'soft';

/** What was changed by another process. */
export type CacheChange =
  | { readonly keys: readonly string[] }
  | { readonly pattern: string }
  | { readonly purged: PurgeScope; readonly kind: PurgeKind };

/**
 * Tells of changes that other processes make, for those who keep copies in this one. What this
 * process changes itself is not told.
 */
export interface CacheChanges {
  /**
   * `false` while a change may go untold: since the connection was lost, or has given no sign of life
   * for too long. A copy must not be used then. Costs nothing.
   */
  readonly isComplete: boolean;
  /**
   * Changes that went untold may lie before this moment: copies made until now must not be used any
   * more. Grows with every gap.
   */
  readonly gaps: number;
  /**
   * Has `listener` called with every change; in the order in which they were made, but for those on
   * different nodes of a cluster.
   */
  onChange(listener: (change: CacheChange) => void): void;
}

/** Injection token and contract of what keeps cached bytes. */
export const CacheDriver = Symbol('CacheDriver');

/**
 * Keeps bytes under keys for a limited time.
 *
 * Keys, and tags, are any text of 1 to 1024 bytes; no two different keys ever touch each other. A
 * call with any other rejects with `InvalidOptionError` and changes nothing. Buffers handed out may
 * be kept, and are not changed.
 *
 * Everything that is changed here happens at one moment for each key, in the same order for all who
 * look. A lost reply means unknown: the change may have been made; it is not made after the caller
 * stopped waiting.
 */
export interface CacheDriver {
  /** `undefined` when the key is absent, its time is over, or it was purged. */
  get(key: string): Promise<StoredEntry | undefined>;

  /**
   * Announces a load: what the source of the value says from now on may be stored with the permit.
   * Good for 10 minutes.
   */
  begin(key: string): Promise<BegunLoad>;

  /**
   * Stores the entry, replacing what was there. With a permit only if, since that was given, the key
   * was neither stored nor deleted, no pattern that matches it was, and none of its tags was purged,
   * be they known then or not; else `'outdated'`, and nobody is ever served the entry. A soft purge
   * since then lets it be stored, as purged.
   */
  set(key: string, entry: NewEntry, permit?: LoadPermit): Promise<SetOutcome>;

  /**
   * Ends an announced load whose value is not stored, and leaves nothing of it behind. `'outdated'`
   * where `set` with that permit, and these tags, would have said so.
   */
  cancel(key: string, permit: LoadPermit, tags: readonly string[]): Promise<'current' | 'outdated'>;

  /** Removes the keys. Resolves to how many were there. */
  delete(keys: readonly string[]): Promise<number>;

  /**
   * Removes every key that matches the glob (`*` any text, `?` one character, `\` takes the next
   * literally). Resolves to how many were removed. Not atomic: keys stored meanwhile may survive,
   * but not what was being loaded when it was called.
   */
  deleteMatching(pattern: string): Promise<number>;

  /**
   * Outdates everything in the scope that was stored, or whose load was begun, before. In constant
   * time, however many entries that are; entries that share no tag may go with them now and then.
   */
  purge(scope: PurgeScope, kind: PurgeKind): Promise<void>;

  /** Absent where the driver cannot tell what others change: no copies are kept then. */
  readonly changes?: CacheChanges;
}
