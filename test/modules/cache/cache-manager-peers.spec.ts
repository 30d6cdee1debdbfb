import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RedisModule } from '../../../src/common/redis/index.js';
import { CacheManagerModule, CacheModule } from '../../../src/modules/cache/index.js';

/** Nothing listens there: the connection layer starts degraded. */
const NOWHERE = {
  connections: { default: { host: '127.0.0.1', port: 1 } },
  bootTimeout: 1,
} as const;

const ALWAYS_NEEDED = ['@nestjs/cache-manager', 'cache-manager', 'keyv'];
const NEEDED_ON_REDIS = 'cache-manager-ioredis-yet';

/** Packages are loaded when the module is configured, which is what makes them missing in time. */
function uninstall(packageName: string): void {
  jest.doMock(packageName, () => {
    const message = `Cannot find module '${packageName}'`;
    throw Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' });
  });
}

describe('CacheManagerModule', () => {
  afterEach(() => {
    for (const packageName of [...ALWAYS_NEEDED, NEEDED_ON_REDIS]) jest.dontMock(packageName);
  });

  it.each(ALWAYS_NEEDED)('names %s when it is not installed', async (packageName) => {
    uninstall(packageName);
    const missing = { code: 'E_MISSING_PEER', packageName };
    await expect(CacheManagerModule.forRoot()).rejects.toMatchObject(missing);
  });

  it('names the store when Redis is configured and it is not installed', async () => {
    uninstall(NEEDED_ON_REDIS);
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
