/** The keys of one lock, all in one slot. */
export interface LockKeys {
  readonly lock: string;
  readonly fence: string;
  readonly queue: string;
  readonly waiters: string;
}
