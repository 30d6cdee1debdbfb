import { DEFAULT_PREFIX, findPrefixClash, type ModulePrefixes } from '../redis/key-modules.js';
import { ConfigError } from './config.error.js';
import type { Settings } from './environment.schema.js';

const VARIABLES = {
  cache: 'REDIS_CACHE_PREFIX',
  throttle: 'REDIS_RATE_LIMIT_PREFIX',
  session: 'REDIS_SESSION_PREFIX',
} as const;

const MODULES = ['cache', 'throttle', 'session'] as const satisfies (keyof typeof VARIABLES)[];

/**
 * `modulePrefixes` of the Redis options; empty where no module has a prefix of its own.
 *
 * @throws ConfigError when the keys of two modules would lie in each other's space, where clearing
 * the cache would take the sessions with it
 */
export function modulePrefixes(settings: Settings): { readonly modulePrefixes?: ModulePrefixes } {
  const given = MODULES.filter((module) => settings[VARIABLES[module]] !== undefined);
  if (given.length === 0) return {};
  const own: ModulePrefixes = Object.fromEntries(
    given.map((module) => [module, settings[VARIABLES[module]]]),
  );
  const prefix = settings.REDIS_PREFIX ?? DEFAULT_PREFIX;
  const clash = findPrefixClash({ prefix, modulePrefixes: own });
  const module = given.find((candidate) => candidate === clash?.module);
  if (clash === undefined || module === undefined) return { modulePrefixes: own };
  const problem = `shares its keys with the ${clash.rival} module; make them differ`;
  throw new ConfigError(VARIABLES[module], problem);
}
