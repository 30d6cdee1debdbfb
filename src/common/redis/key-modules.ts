/**
 * Every module of the library that may own keys, and `gate`, the owner of the breaker's probe. A
 * name that is missing here cannot have a family, and nobody else's prefix can come to lie in its
 * space.
 */
export const KEY_MODULES = [
  'cache',
  'cache-manager',
  'throttle',
  'session',
  'queue',
  'pubsub',
  'lock',
  'health',
  'auth',
  'mail',
  'realtime',
  'metrics',
  'admin',
  'gate',
] as const;

export type KeyModule = (typeof KEY_MODULES)[number];

/** Prefixes of modules that do not take `<prefix>:<module>`. */
export type ModulePrefixes = Readonly<Partial<Record<KeyModule, string>>>;

/** First part of every key when nobody says otherwise. */
export const DEFAULT_PREFIX = 'bp';

export interface KeyPrefixes {
  readonly prefix: string;
  readonly modulePrefixes: ModulePrefixes;
}

/** What the keys of a module begin with. */
export function modulePrefix({ prefix, modulePrefixes }: KeyPrefixes, module: KeyModule): string {
  return modulePrefixes[module] ?? `${prefix}:${module}`;
}

/** A module that was given a prefix, and one whose keys would lie in the same space. */
export interface PrefixClash {
  readonly module: KeyModule;
  readonly rival: KeyModule;
}

/**
 * The first module whose own prefix equals, contains or lies inside another one's, where clearing
 * the cache would take the sessions with it; `undefined` where all are apart.
 */
export function findPrefixClash(prefixes: KeyPrefixes): PrefixClash | undefined {
  const given = KEY_MODULES.filter((module) => prefixes.modulePrefixes[module] !== undefined);
  const clashes = given.map((module) => ({ module, rival: rivalOf(module, prefixes) }));
  return clashes.find((clash): clash is PrefixClash => clash.rival !== undefined);
}

function rivalOf(module: KeyModule, prefixes: KeyPrefixes): KeyModule | undefined {
  const own = modulePrefix(prefixes, module);
  return KEY_MODULES.filter((other) => other !== module).find((other) => {
    const theirs = modulePrefix(prefixes, other);
    return contains(own, theirs) || contains(theirs, own);
  });
}

function contains(outer: string, inner: string): boolean {
  return `${inner}:`.startsWith(`${outer}:`);
}
