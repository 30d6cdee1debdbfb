/** How values of one kind become bytes and values again. */
export interface CacheFormat<T> {
  /** @throws CodecError, CacheValueTooLargeError: it is handed out and not stored */
  encode(value: T): Buffer | Promise<Buffer>;
  /** @throws CodecError: it counts as absent */
  decode(bytes: Buffer): T | Promise<T>;
  /** Nobody ever changes such a value, so that all may have the same one. */
  readonly isImmutable: boolean;
}
