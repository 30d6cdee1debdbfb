/** Injection token and contract of what keeps cached bytes. */
export const CacheDriver = Symbol('CacheDriver');

/**
 * Keeps bytes under keys for a limited time. Values are encoded and decoded by the service, the
 * same way for every driver.
 *
 * Keys are any text of 1 to 1024 bytes; no two different keys ever touch each other. A call with
 * any other key rejects with `InvalidOptionError` and changes nothing. Buffers handed in are not
 * changed afterwards and buffers handed out may be kept.
 */
export interface CacheDriver {
  /** `undefined` when the key is absent or its time is over. A lost reply changes nothing. */
  get(key: string): Promise<Buffer | undefined>;

  /**
   * Whole milliseconds until the entry's time is over; `undefined` when the key is absent. A lost
   * reply changes nothing.
   */
  remainingMs(key: string): Promise<number | undefined>;

  /**
   * Stores the bytes for `ttlMs` (a whole number of at least 1, else `InvalidOptionError`),
   * replacing what was there. Atomic. A lost reply means unknown: the bytes may have been stored;
   * they are not stored after the caller stopped waiting.
   */
  set(key: string, bytes: Buffer, ttlMs: number): Promise<void>;

  /**
   * Removes the keys. Resolves to how many were there. A lost reply: removed, or still to remove.
   */
  delete(keys: readonly string[]): Promise<number>;

  /**
   * Removes every key that matches the glob (`*` any text, `?` one character, `\` takes the next
   * literally). Resolves to how many were removed. Not atomic: keys stored meanwhile may survive.
   */
  deleteMatching(pattern: string): Promise<number>;
}
