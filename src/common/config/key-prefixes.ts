import { ConfigError } from './config.error.js';
import type { Settings } from './environment.schema.js';

const DEFAULT_PREFIX = 'bp';
/** Every module of the library that may own keys, and `gate`, the owner of the breaker's probe. */
const MODULES =
  'cache throttle session queue pubsub lock health auth mail realtime metrics admin gate'.split(
    ' ',
  );
const VARIABLES = {
  cache: 'REDIS_CACHE_PREFIX',
  throttle: 'REDIS_RATE_LIMIT_PREFIX',
  session: 'REDIS_SESSION_PREFIX',
} as const;

type Prefixes = Readonly<Record<string, string>>;

/**
 * `modulePrefixes` of the Redis options; empty where no module has a prefix of its own.
 *
 * @throws ConfigError when the keys of two modules would lie in each other's space, where clearing
 * the cache would take the sessions with it
 */
export function modulePrefixes(settings: Settings): { readonly modulePrefixes?: Prefixes } {
  const given = Object.entries(VARIABLES).flatMap(([module, variable]) => {
    const prefix = settings[variable];
    return prefix === undefined ? [] : [{ module, variable, prefix }];
  });
  const own = Object.fromEntries(given.map(({ module, prefix }) => [module, prefix]));
  for (const { module, variable, prefix } of given) {
    const rival = findRival(
      module,
      prefix,
      (other) => own[other] ?? defaultPrefix(other, settings),
    );
    if (rival !== undefined) {
      throw new ConfigError(variable, `shares its keys with the ${rival} module; make them differ`);
    }
  }
  return given.length === 0 ? {} : { modulePrefixes: own };
}

function defaultPrefix(module: string, { REDIS_PREFIX }: Settings): string {
  return `${REDIS_PREFIX ?? DEFAULT_PREFIX}:${module}`;
}

function findRival(
  module: string,
  prefix: string,
  prefixOf: (other: string) => string,
): string | undefined {
  return MODULES.filter((other) => other !== module).find(
    (other) => contains(prefix, prefixOf(other)) || contains(prefixOf(other), prefix),
  );
}

function contains(outer: string, inner: string): boolean {
  return `${inner}:`.startsWith(`${outer}:`);
}
