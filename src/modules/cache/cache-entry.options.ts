import { InvalidOptionError } from '../../common/errors/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import type { EntryTerms } from './cache-loader.js';

/** How one entry is kept. What is not given is as the module's options say. */
export interface CacheEntryOptions {
  /** How long the value is fresh. @default '5m' */
  readonly ttl?: Duration | undefined;
  /**
   * After `ttl`, for so long: the old value is served at once, while one caller loads it anew.
   * @default none
   */
  readonly staleWhileRevalidate?: Duration | undefined;
  /**
   * After `ttl`, for so long: the old value is served when the load fails or takes longer than
   * `softTimeout`. @default none
   */
  readonly staleIfError?: Duration | undefined;
  /** Longest wait for a load where there is an old value to serve. @default as long as it takes */
  readonly softTimeout?: Duration | undefined;
  /** Longest a load may take; then it has failed, and its signal is aborted. @default '30s' */
  readonly hardTimeout?: Duration | undefined;
  /**
   * How eagerly a value is loaded anew before its time is over, so that nobody has to wait then: 1 is
   * right for most, 2 earlier, 0 never (XFetch). @default 0
   */
  readonly earlyRefresh?: number | undefined;
  /**
   * Share of `ttl`, 0 to 1, by which an entry may end earlier, at random, so that entries made
   * together do not end together. @default 0
   */
  readonly jitter?: number | undefined;
  /** `ttl` of `null`; 0: `null` is not stored. @default as every other value */
  readonly negativeTtl?: Duration | undefined;
  /** What the value is made of, for `invalidateTags`. @default none */
  readonly tags?: readonly string[] | undefined;
  /** `false`: the value is handed out and not stored. @default always stored */
  readonly shouldStore?: ((value: unknown) => boolean) | undefined;
}

const NAMES: ReadonlySet<string> = new Set<keyof CacheEntryOptions>([
  'ttl',
  'staleWhileRevalidate',
  'staleIfError',
  'softTimeout',
  'hardTimeout',
  'earlyRefresh',
  'jitter',
  'negativeTtl',
  'tags',
  'shouldStore',
]);

/**
 * Validates what a call gives, and takes the rest from `defaults`. By hand: it runs with every
 * look-up whose options are made for it.
 *
 * @param root what the options go by in errors, where their names alone would not tell
 * @throws InvalidOptionError
 */
export function resolveTerms(
  options: CacheEntryOptions,
  defaults: EntryTerms,
  root?: string,
): EntryTerms {
  const terms: Mutable<EntryTerms> = { ...defaults };
  for (const [name, value] of Object.entries(options)) {
    const option = root === undefined ? name : `${root}.${name}`;
    if (!isKnown(name)) {
      throw new InvalidOptionError(option, 'is not a known option; check its spelling');
    }
    if (value !== undefined) resolveOne(terms, name, { value, option });
  }
  return terms;
}

function isKnown(name: string): name is keyof CacheEntryOptions {
  return NAMES.has(name);
}

/** Validates options that are resolved later, when the defaults are known. @throws InvalidOptionError */
export function checkEntryOptions(options: CacheEntryOptions, root: string): void {
  resolveTerms(options, NO_DEFAULTS, root);
}

/** For a check only. */
const NO_DEFAULTS: EntryTerms = {
  ttlMs: 1,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  softTimeoutMs: undefined,
  hardTimeoutMs: 1,
  earlyRefresh: 0,
  jitter: 0,
  negativeTtlMs: undefined,
  tags: [],
  shouldStore: undefined,
};

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function resolveOne(
  terms: Mutable<EntryTerms>,
  name: keyof CacheEntryOptions,
  { value, option }: { readonly value: unknown; readonly option: string },
): void {
  switch (name) {
    case 'ttl':
    case 'staleWhileRevalidate':
    case 'staleIfError':
    case 'softTimeout':
    case 'hardTimeout':
      terms[`${name}Ms`] = parseDuration(value, option);
      return;
    case 'negativeTtl':
      terms.negativeTtlMs = value === 0 ? 0 : parseDuration(value, option);
      return;
    case 'earlyRefresh':
    case 'jitter':
      terms[name] = share(value, option, name === 'jitter' ? 1 : Infinity);
      return;
    case 'tags':
      terms.tags = tagList(value, option);
      return;
    case 'shouldStore':
      if (typeof value !== 'function') throw new InvalidOptionError(option, 'must be a function');
      terms.shouldStore = value as EntryTerms['shouldStore'];
      return;
    default:
      name satisfies never;
  }
}

function share(value: unknown, option: string, most: number): number {
  if (typeof value === 'number' && value >= 0 && value <= most) return value;
  const range = most === Infinity ? 'a number of at least 0' : `a number from 0 to ${most}`;
  throw new InvalidOptionError(option, `must be ${range}`);
}

/** Of one entry, besides that of its namespace. */
export const MAX_TAGS = 255;

/** A list of tags. @throws InvalidOptionError for one that cannot be a tag, or too many */
export function tagList(value: unknown, option: string): readonly string[] {
  if (!Array.isArray(value)) throw new InvalidOptionError(option, 'must be a list of texts');
  if (value.length > MAX_TAGS) throw new InvalidOptionError(option, `are more than ${MAX_TAGS}`);
  return value.map((tag: string) => checkKeyText(tag, option));
}
