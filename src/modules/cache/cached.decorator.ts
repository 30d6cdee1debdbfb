import { wrapMethod } from '../../common/decorators/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import { argumentsKey } from './arguments-key.js';
import { CacheService } from './cache.service.js';
import { type CacheEntryOptions, checkEntryOptions } from './cache-entry.options.js';
import type { LoadContext } from './cache-loader.js';

export interface CachedOptions<Args extends readonly unknown[] = readonly unknown[]> extends Omit<
  CacheEntryOptions,
  'tags'
> {
  /**
   * Key of a call.
   * @default class, method and arguments, which then have to be plain data. A second class of the same
   * name is refused when it is called: the two would get each other's values.
   */
  readonly key?: string | ((...args: Args) => string);
  /** What the value is made of, for `invalidateTags` and `@CacheEvict`. @default none */
  readonly tags?: readonly string[] | ((value: unknown, ...args: Args) => readonly string[]);
}

/**
 * Caches what a method of any provider returns, as `CacheService.getOrSet` does; the method becomes
 * async. Concurrent calls with the same key run it once.
 *
 * @example
 * @Cached({ ttl: '10m', key: (id: number) => `user:${id}`, tags: ['users'] })
 * async findUser(id: number): Promise<User | null> {}
 * @throws InvalidOptionError at load time for a wrong option
 */
export function Cached<Args extends readonly unknown[]>(
  options: CachedOptions<Args> = {},
): MethodDecorator {
  const { key, tags, ...rest } = options;
  const fixedTags = typeof tags === 'function' || tags === undefined ? {} : { tags };
  const entry: CacheEntryOptions = Object.freeze({ ...rest, ...fixedTags });
  checkEntryOptions(entry, '@Cached');
  return (target, name, descriptor) => {
    const keyOf = (cache: CacheService, instance: object, args: readonly unknown[]): string => {
      if (typeof key === 'string') return key;
      if (key !== undefined) return key(...(args as Args));
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
          const load = async ({ addTags }: LoadContext): Promise<unknown> => {
            const value: unknown = await Reflect.apply(original, this, args);
            if (typeof tags === 'function')
              addTags(...tags(value, ...(args as readonly unknown[] as Args)));
            return value;
          };
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
