import { wrapMethod } from '../../common/decorators/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import { CacheService } from './cache.service.js';

/** Texts, or what makes them of the outcome of the call and its arguments. */
type TextsOf<Args extends readonly unknown[]> =
  readonly string[] | ((value: unknown, ...args: Args) => readonly string[]);

export interface CacheEvictOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** Removed, also where `soft` is `true`. */
  readonly keys?: TextsOf<Args>;
  readonly tags?: TextsOf<Args>;
  /** What the keys look like: `*` any text, `?` one character. Takes time with every key there is. */
  readonly pattern?: string | ((value: unknown, ...args: Args) => string);
  /** `false`: nothing is evicted. @default always */
  readonly when?: (value: unknown, ...args: Args) => boolean;
  /** `true`: what has the tags counts as stale and may be served as such. @default false */
  readonly soft?: boolean;
}

/**
 * Evicts from the cache when a method of any provider has succeeded, before its caller is answered;
 * the method becomes async. One that throws evicts nothing. While Redis is away an eviction does not
 * fail: it is made up for. One that cannot be made (a key too long, a driver of the application's own
 * that fails) rejects, after everything else that was to be evicted has been: the method has run
 * then, and what it changed stays changed.
 *
 * @example
 * @CacheEvict({ keys: (_, id: number) => [`user:${id}`], tags: ['users'] })
 * async renameUser(id: number, name: string): Promise<void> {}
 * @throws InvalidOptionError at load time where neither keys nor tags nor a pattern are given, for
 * an unknown option, and for `soft` without tags
 */
export function CacheEvict<Args extends readonly unknown[]>(
  options: CacheEvictOptions<Args>,
): MethodDecorator {
  checkOptions(options);
  const { when } = options;
  return wrapMethod<CacheService>({
    decorator: '@CacheEvict',
    token: CacheService,
    wrap: (original, cacheOf) =>
      async function evicting(...args) {
        const value: unknown = await Reflect.apply(original, this, args);
        const call = args as readonly unknown[] as Args;
        if (when?.(value, ...call) === false) return value;
        await evict(cacheOf(this), options, { value, args: call });
        return value;
      },
  });
}

interface Call<Args extends readonly unknown[]> {
  readonly value: unknown;
  readonly args: Args;
}

/** Everything is tried before the first failure is told. */
async function evict<Args extends readonly unknown[]>(
  cache: CacheService,
  { keys, tags, pattern, soft = false }: CacheEvictOptions<Args>,
  call: Call<Args>,
): Promise<void> {
  const evictions = [
    async () => keys !== undefined && cache.delete(...textsOf(keys, call)),
    async () => tags !== undefined && cache.invalidateTags(textsOf(tags, call), { soft }),
    async () => pattern !== undefined && cache.deleteMatching(patternOf(pattern, call)),
  ];
  const settled = await Promise.allSettled(evictions.map((eviction) => eviction()));
  const failure = settled.find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
}

function textsOf<Args extends readonly unknown[]>(
  texts: TextsOf<Args>,
  { value, args }: Call<Args>,
): readonly string[] {
  return typeof texts === 'function' ? texts(value, ...args) : texts;
}

function patternOf<Args extends readonly unknown[]>(
  pattern: string | ((value: unknown, ...args: Args) => string),
  { value, args }: Call<Args>,
): string {
  return typeof pattern === 'string' ? pattern : pattern(value, ...args);
}

const NAMES: readonly string[] = ['keys', 'tags', 'pattern', 'when', 'soft'];

function checkOptions<Args extends readonly unknown[]>(options: CacheEvictOptions<Args>): void {
  const { keys, tags, pattern, soft } = options;
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`@CacheEvict.${unknown}`, 'is not a known option');
  }
  if (keys === undefined && tags === undefined && pattern === undefined) {
    throw new InvalidOptionError('@CacheEvict', 'needs keys, tags or a pattern');
  }
  if (soft === true && tags === undefined) {
    throw new InvalidOptionError('@CacheEvict.soft', 'is for tags: keys and patterns are removed');
  }
}
