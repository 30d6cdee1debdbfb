import { InvalidOptionError } from '../errors/index.js';
import { encodePart, encodeTag } from './key-encoding.js';
import { type KeyModule, type KeyPrefixes, modulePrefix } from './key-modules.js';

/** Longest text, in UTF-8 bytes, accepted as one part of a key. */
export const MAX_KEY_BYTES = 1_024;

/** One family of keys: everything a reader of the database wants to know about them. */
export interface KeyFamily {
  /** Module that owns the family; no other reads or writes it. */
  readonly module: KeyModule;
  /** Format version; a release that changes the stored form raises it. */
  readonly version: number;
  /** The parts, as documented: `{subject}:policy`. */
  readonly layout: string;
  /** Redis type of the value. */
  readonly type: 'string' | 'list' | 'hash' | 'set' | 'zset' | 'stream';
  readonly ttl: string;
  /** May a server that runs out of memory evict it without harm? */
  readonly evictable: boolean;
  readonly purpose: string;
}

/**
 * Builds every key: `<prefix>:<module>:v<version>:{<tag>}[:<part>…]`.
 *
 * The tag is the Redis Cluster hash tag: keys with the same tag live in the same slot, so that one
 * script may touch them together.
 */
export class KeySpace {
  readonly #options: KeyPrefixes;

  constructor(options: KeyPrefixes) {
    this.#options = options;
  }

  /** @throws InvalidOptionError when a part is empty or longer than 1 kB */
  key(family: KeyFamily, tag: string, ...parts: readonly string[]): string {
    return this.keyer(family, ...parts)(tag);
  }

  /** Builds keys that differ in their tag only. @throws InvalidOptionError as `key` */
  keyer(family: KeyFamily, ...parts: readonly string[]): (tag: string) => string {
    const root = this.root(family);
    const rest = parts.map((part) => `:${encodePart(checked(part))}`).join('');
    return (tag) => `${root}{${encodeTag(checked(tag))}}${rest}`;
  }

  /** What all keys of the family begin with. Holds no glob character. */
  root(family: KeyFamily): string {
    return `${modulePrefix(this.#options, family.module)}:v${family.version}:`;
  }
}

/** Refuses texts that cannot be a part of a key; the same in every driver. */
export function checkKeyText(text: string, option: string): string {
  if (typeof text !== 'string' || text === '') {
    throw new InvalidOptionError(option, 'must be a text of at least one character');
  }
  if (text.length > MAX_KEY_BYTES || Buffer.byteLength(text) > MAX_KEY_BYTES) {
    throw new InvalidOptionError(
      option,
      `is ${Buffer.byteLength(text)} bytes long; the longest key is ${MAX_KEY_BYTES} bytes`,
    );
  }
  return text;
}

function checked(text: string): string {
  return checkKeyText(text, 'key');
}
