import { Injectable, Logger, type Provider, Scope } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { RedisModule } from '../../../src/common/redis/index.js';
import { Cached } from '../../../src/modules/cache/cached.decorator.js';
import { CacheModule } from '../../../src/modules/cache/cache.module.js';
import { CacheService } from '../../../src/modules/cache/cache.service.js';
import {
  CacheWarm,
  type CacheWarmContext,
  type CacheWarmOptions,
} from '../../../src/modules/cache/warm/cache-warm.decorator.js';
import { CacheWarmer } from '../../../src/modules/cache/warm/cache-warmer.js';
import { LockModule } from '../../../src/modules/lock/index.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';

type Method = (context: CacheWarmContext) => unknown;

/** A provider whose only method is warmed up. */
function warming(method: Method, options?: CacheWarmOptions) {
  @Injectable()
  class Products {
    @CacheWarm(options)
    warm(context: CacheWarmContext): unknown {
      return method(context);
    }
  }
  return Products;
}

describe('@CacheWarm', () => {
  const redis = useRedis('standalone');
  const open: TestingModule[] = [];
  let lines: string[] = [];

  beforeEach(() => {
    lines = [];
    for (const level of ['log', 'warn', 'error'] as const) {
      jest.spyOn(Logger.prototype, level).mockImplementation((...[line]: readonly unknown[]) => {
        if (String(line).includes('warm-up')) lines.push(`${level}: ${String(line)}`);
      });
    }
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((module) => module.close()));
    jest.restoreAllMocks();
  });

  async function start(providers: readonly Provider[], prefix?: string): Promise<TestingModule> {
    const connections = () => ({ default: { url: redis().url } });
    const shared =
      prefix === undefined
        ? []
        : [
            RedisModule.forRoot({ connections: connections(), prefix, bootTimeout: '10s' }),
            LockModule.forRoot({ deadline: '5s' }),
          ];
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ deadline: '5s' }), ...shared],
      providers: [...providers],
    }).compile();
    open.push(module);
    return module.init();
  }

  it('runs after the boot, which does not wait for it', async () => {
    const end = new Deferred<void>();
    let runs = 0;
    const module = await start([
      warming(() => {
        runs += 1;
        return end.promise;
      }),
    ]);
    expect(runs).toBe(0);
    await eventually(() => runs === 1);
    end.resolve();
    await eventually(() => expect(lines.at(-1)).toMatch(/^log: .*"Products\.warm" is done after/));
    expect(module.get(CacheWarmer).names).toEqual(['Products.warm']);
  });

  it('fills the cache through what is cached already, with its guarantees', async () => {
    let loads = 0;
    @Injectable()
    class Catalogue {
      @Cached({ key: (id: number) => `product:${id}`, tags: ['products'] })
      find(id: number) {
        loads += 1;
        return `product ${id}`;
      }

      @CacheWarm()
      async warm() {
        for (const id of [1, 2]) await this.find(id);
      }
    }
    const module = await start([Catalogue]);
    const cache = module.get(CacheService);
    await eventually(async () => expect(await cache.get('product:2')).toBe('product 2'));
    await module.get(Catalogue).find(1);
    expect(loads).toBe(2);
    await cache.invalidateTags(['products']);
    expect(await cache.get('product:1')).toBeUndefined();
  });

  it('runs every so often, never twice at a time', async () => {
    const ends: Deferred<void>[] = [];
    const method = ({ signal }: CacheWarmContext) => {
      const end = new Deferred<void>();
      ends.push(end);
      signal.addEventListener('abort', () => end.resolve());
      return end.promise;
    };
    const module = await start([warming(method, { every: '10ms', name: 'all' })]);
    await eventually(() => ends.length === 1);
    const [told] = await module.get(CacheWarmer).run('all');
    expect(told).toMatchObject({ name: 'all', outcome: 'running' });
    expect(ends).toHaveLength(1);
    ends[0]?.resolve();
    await eventually(() => ends.length === 2);
    ends[1]?.resolve();
  });

  it('does not run by itself where it is told to run neither at boot nor ever', async () => {
    const order: string[] = [];
    const module = await start([
      warming(() => order.push('other'), { name: 'other' }),
      warming(() => order.push('asked'), { name: 'asked', atBoot: false }),
    ]);
    await eventually(() => order.length === 1);
    expect(order).toEqual(['other']);
    const reports = await module.get(CacheWarmer).run();
    expect(reports.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['other', 'done'],
      ['asked', 'done'],
    ]);
    expect(order).toEqual(['other', 'other', 'asked']);
  });

  it('logs its progress, a line for each tenth at most, and tells it', async () => {
    const method = ({ progress }: CacheWarmContext) => {
      for (let done = 1; done <= 1_000; done += 1) progress(done, 1_000);
    };
    const module = await start([warming(method, { atBoot: false, name: 'many' })]);
    const [told] = await module.get(CacheWarmer).run();
    expect(told).toMatchObject({ outcome: 'done', progress: { done: 1_000, total: 1_000 } });
    expect(lines.slice(0, 2)).toEqual([
      'log: Cache warm-up "many": 100 of 1000',
      'log: Cache warm-up "many": 200 of 1000',
    ]);
    expect(lines).toHaveLength(11);
  });

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('no source');
      },
    ],
    [
      'rejects',
      async () => {
        throw new TypeError('no source');
      },
    ],
  ])('logs the error of a method that %s, and runs again', async (_how, method) => {
    let runs = 0;
    const failing = () => {
      runs += 1;
      return method();
    };
    const module = await start([warming(failing, { every: '10ms' })]);
    await eventually(() => runs > 1);
    await eventually(() =>
      expect(lines[0]).toMatch(/^error: .*failed after .*TypeError: no source/),
    );
    await eventually(async () => {
      const [told] = await module.get(CacheWarmer).run();
      expect(told).toMatchObject({ outcome: 'failed', error: new TypeError('no source') });
    });
  });

  it('is aborted when it takes longer than its timeout', async () => {
    const method = ({ signal }: CacheWarmContext) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const module = await start([warming(method, { timeout: '20ms', atBoot: false })]);
    const [told] = await module.get(CacheWarmer).run();
    expect(told).toMatchObject({
      outcome: 'failed',
      error: { message: expect.stringContaining('20ms') as unknown },
    });
  });

  it('is told to stop at the shutdown, which waits for it', async () => {
    const order: string[] = [];
    const method = ({ signal }: CacheWarmContext) =>
      new Promise<void>((resolve) => {
        order.push('started');
        signal.addEventListener('abort', () => {
          order.push('aborted');
          setImmediate(() => {
            order.push('ended');
            resolve();
          });
        });
      });
    const module = await start([warming(method)]);
    await eventually(() => order.length === 1);
    await module.close();
    expect(order).toEqual(['started', 'aborted', 'ended']);
  });

  it('gets an instance for each run of a request-scoped provider', async () => {
    const seen = new Set<object>();
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @CacheWarm({ atBoot: false })
      warm() {
        seen.add(this);
      }
    }
    const module = await start([PerRequest]);
    for (let run = 0; run < 2; run += 1) await module.get(CacheWarmer).run();
    expect(seen.size).toBe(2);
  });

  it('runs on one of the instances that start together', async () => {
    const runs: string[] = [];
    const prefix = uniquePrefix();
    const modules = [];
    for (const name of ['a', 'b', 'c'])
      modules.push(await start([warming(() => runs.push(name))], prefix));
    const warmers = modules.map((module) => module.get(CacheWarmer));
    await eventually(() => runs.length > 0);
    // Asked to, each of them runs it: what it is told of is the turn that one of them had.
    for (const warmer of warmers) {
      await eventually(async () => expect(await warmer.run()).toMatchObject([{ outcome: 'done' }]));
    }
    expect(runs).toHaveLength(4);
  });

  it('says that another instance is at it', async () => {
    const end = new Deferred<void>();
    let runs = 0;
    const method = () => {
      runs += 1;
      return end.promise;
    };
    const prefix = uniquePrefix();
    const options = { atBoot: false };
    const one = await start([warming(method, options)], prefix);
    const other = await start([warming(method, options)], prefix);
    const first = one.get(CacheWarmer).run();
    await eventually(() => runs === 1);
    expect(await other.get(CacheWarmer).run()).toMatchObject([{ outcome: 'running' }]);
    end.resolve();
    expect(await first).toMatchObject([{ outcome: 'done' }]);
    expect(runs).toBe(1);
  });

  it('with a name that another one has stops the boot', async () => {
    const twice = [1, 2].map(() => warming(() => undefined, { name: 'same' }));
    await expect(start(twice)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: '@CacheWarm.name',
    });
  });

  it.each([
    ['name', { name: '' }],
    ['name', { name: 'n'.repeat(101) }],
    ['atBoot', { atBoot: 'yes' }],
    ['every', { every: 0 }],
    ['every', { every: '25d' }],
    ['timeout', { timeout: 'soon' }],
    ['interval', { interval: '1m' }],
  ])('refuses the option %s of %j', (option, options) => {
    expect(() => CacheWarm(options as CacheWarmOptions)).toThrow(
      expect.objectContaining({ option: `@CacheWarm.${option}` }),
    );
  });
});
