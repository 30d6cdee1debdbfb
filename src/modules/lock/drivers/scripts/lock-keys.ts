/** What a grant touches; both in one slot. */
export interface GrantKeys {
  readonly lock: string;
  readonly fence: string;
}
