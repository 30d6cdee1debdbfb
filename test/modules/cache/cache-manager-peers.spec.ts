import type { DynamicModule } from '@nestjs/common';

/** Nothing listens there: the connection layer starts degraded. */
const NOWHERE = {
  connections: { default: { host: '127.0.0.1', port: 1 } },
  bootTimeout: 1,
} as const;

const ALWAYS_NEEDED = ['@nestjs/cache-manager', 'cache-manager', 'keyv'];
const NEEDED_ON_REDIS = 'cache-manager-ioredis-yet';

function uninstall(packageName: string): void {
  jest.doMock(packageName, () => {
    const message = `Cannot find module '${packageName}'`;
    throw Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' });
  });
}

/** The library as a process meets it that starts now. */
async function loadLibrary() {
  const { CacheManagerModule, CacheModule } = await import('../../../src/modules/cache/index.js');
  const { RedisModule } = await import('../../../src/common/redis/index.js');
  const { Test } = await import('@nestjs/testing');
  return { CacheManagerModule, CacheModule, RedisModule, Test };
}

describe('CacheManagerModule', () => {
  afterEach(() => {
    for (const packageName of [...ALWAYS_NEEDED, NEEDED_ON_REDIS]) jest.dontMock(packageName);
    jest.resetModules();
  });

  it.each(ALWAYS_NEEDED)('names %s when it is not installed', async (packageName) => {
    uninstall(packageName);
    const { CacheManagerModule } = await loadLibrary();
    const missing = { code: 'E_MISSING_PEER', packageName };
    await expect(CacheManagerModule.forRoot()).rejects.toMatchObject(missing);
  });

  it('names the store when Redis is configured and it is not installed', async () => {
    uninstall(NEEDED_ON_REDIS);
    const { CacheManagerModule, CacheModule, RedisModule, Test } = await loadLibrary();
    const boot = async (imports: readonly (DynamicModule | Promise<DynamicModule>)[]) => {
      const module = await Test.createTestingModule({ imports: [...imports] }).compile();
      await module.close();
    };
    const cache = [CacheModule.forRoot({}), CacheManagerModule.forRoot()];
    const missing = { code: 'E_MISSING_PEER', packageName: NEEDED_ON_REDIS };
    await expect(boot([RedisModule.forRoot(NOWHERE), ...cache])).rejects.toMatchObject(missing);
    await boot(cache);
  });
});
