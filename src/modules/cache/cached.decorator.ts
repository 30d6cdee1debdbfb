import { wrapMethod } from '../../common/decorators/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import { argumentsKey } from './arguments-key.js';
import { CacheService } from './cache.service.js';

export interface CachedOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** @default the module's `ttl` */
  readonly ttl?: Duration;
  /**
   * Key of a call.
   * @default class, method and arguments, which then have to be plain data. A second class of the same
   * name is refused when it is called: the two would get each other's values.
   */
  readonly key?: string | ((...args: Args) => string);
}

/**
 * Caches what a method of any provider returns; the method becomes async. Concurrent calls with the
 * same key run it once.
 *
 * @example
 * @Cached({ ttl: '10m', key: (id: number) => `user:${id}` })
 * async findUser(id: number): Promise<User | null> {}
 * @throws InvalidOptionError at load time for a wrong ttl
 */
export function Cached<Args extends readonly unknown[]>(
  options: CachedOptions<Args> = {},
): MethodDecorator {
  const entry = options.ttl === undefined ? {} : { ttl: parseDuration(options.ttl, '@Cached.ttl') };
  return (target, name, descriptor) => {
    const keyOf = (cache: CacheService, instance: object, args: readonly unknown[]): string => {
      if (typeof options.key === 'string') return options.key;
      if (options.key !== undefined) return options.key(...(args as Args));
      // The class of the instance: what is inherited may answer differently in each subclass.
      const method = `${instance.constructor.name}.${String(name)}`;
      claimName(cache, method, instance.constructor);
      return argumentsKey(method, args);
    };
    return wrapMethod<CacheService>({
      decorator: '@Cached',
      token: CacheService,
      wrap: (original, cacheOf) =>
        async function cached(...args) {
          const load = () => Reflect.apply(original, this, args);
          const cache = cacheOf(this);
          return cache.getOrSet(keyOf(cache, this, args), load, entry);
        },
    })(target, name, descriptor);
  };
}

/** The class behind each name that automatic keys start with, for each cache. */
const claims = new WeakMap<CacheService, Map<string, Function>>();

function claimName(cache: CacheService, method: string, owner: Function): void {
  const owners = claims.get(cache) ?? new Map<string, Function>();
  claims.set(cache, owners);
  const first = owners.get(method) ?? owner;
  owners.set(method, first);
  if (first === owner) return;
  throw new InvalidOptionError(
    `@Cached ${method}.key`,
    'is needed, because two classes have this name and would share their values',
  );
}
