import { loadConfig } from '../../src/common/config/index.js';
import { KEY_MODULES, type ModulePrefixes } from '../../src/common/redis/key-modules.js';
import { resolveRedisOptions } from '../../src/common/redis/resolve-redis-options.js';
import { CACHE_ENTRY, CACHE_MANAGER_ENTRY } from '../../src/modules/cache/index.js';
import { THROTTLE_COUNTER } from '../../src/modules/throttle/index.js';

describe('the prefixes of modules', () => {
  const resolve = (modulePrefixes: ModulePrefixes, prefix = 'bp') =>
    resolveRedisOptions({
      connections: { default: { url: 'redis://a' } },
      prefix,
      modulePrefixes,
    });

  it.each<[string, ModulePrefixes, string]>([
    ['equal to the default of another', { cache: 'bp:cache-manager' }, 'cache'],
    ['equal to that of another', { throttle: 'x', session: 'x' }, 'throttle'],
    ['inside the default of another', { session: 'bp:cache:s' }, 'session'],
    ['around the default of another', { lock: 'bp' }, 'lock'],
    ['inside that of another', { cache: 'x:y', queue: 'x' }, 'cache'],
  ])('are refused when one is %s', (_where, prefixes, module) => {
    expect(() => resolve(prefixes)).toThrow(
      expect.objectContaining({
        code: 'E_INVALID_OPTION',
        option: `redis.modulePrefixes.${module}`,
        problem: expect.stringContaining('make them differ') as string,
      }) as Error,
    );
  });

  it('are refused from the environment as well, naming the variable', () => {
    const env = { REDIS_HOST: 'h', REDIS_CACHE_PREFIX: 'bp:cache-manager' };
    expect(() => loadConfig(env)).toThrow(
      expect.objectContaining({ variable: 'REDIS_CACHE_PREFIX' }) as Error,
    );
  });

  it('are refused for a module that nobody knows', () => {
    const misspelt = { cahce: 'shop:cache' } as ModulePrefixes;
    expect(() => resolve(misspelt)).toThrow(/redis\.modulePrefixes\.cahce": is not a known option/);
  });

  it.each<[string, ModulePrefixes, string]>([
    ['apart', { cache: 'shop:c', session: 'shop:s' }, 'bp'],
    ['only alike in their first letters', { cache: 'bp:cach', session: 'bp:cache2' }, 'bp'],
    ['swapped', { cache: 'bp:session', session: 'bp:cache' }, 'bp'],
    ['what they are by default', { cache: 'shop:cache' }, 'shop'],
  ])('are accepted when they are %s', (_how, prefixes, prefix) => {
    expect(resolve(prefixes, prefix).modulePrefixes).toEqual(prefixes);
  });

  it('are known for the owner of every family', () => {
    for (const { module } of [CACHE_ENTRY, CACHE_MANAGER_ENTRY, THROTTLE_COUNTER]) {
      expect(KEY_MODULES).toContain(module);
    }
  });
});
