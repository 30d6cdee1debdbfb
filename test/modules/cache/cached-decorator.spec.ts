import { Injectable, Scope, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { CLOCK } from '../../../src/common/time/index.js';
import { Cached, type CachedOptions } from '../../../src/modules/cache/cached.decorator.js';
import { CacheModule } from '../../../src/modules/cache/cache.module.js';
import { CacheService } from '../../../src/modules/cache/cache.service.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';

let runs: string[] = [];
let answer: () => unknown = () => 'first';

@Injectable()
class Reports {
  readonly name: string = 'reports';

  @Cached()
  async find(id: number, filter?: object): Promise<object> {
    runs.push(`${this.name}.find`);
    return { by: this.name, id, filter };
  }

  @Cached({ key: (id: number, _other: string) => `report:${id}`, ttl: '1h' })
  keyed(id: number, other: string): string {
    runs.push(`${this.name}.keyed`);
    return `${id}${other}`;
  }

  @Cached({ key: 'all-reports' })
  all(): string {
    runs.push(`${this.name}.all`);
    return 'all';
  }

  @Cached()
  failing(): never {
    runs.push('failing');
    throw new TypeError('at once');
  }

  @Cached({ key: (id: number) => `tagged:${id}`, tags: ['reports'], ttl: '1m' })
  tagged(id: number): number {
    runs.push('tagged');
    return id;
  }

  @Cached({
    key: (id: number) => `owned:${id}`,
    tags: (value: unknown, id: number) => [`owner:${String(value)}`, `id:${id}`],
  })
  owned(id: number): string {
    runs.push('owned');
    return id < 10 ? 'ada' : 'grace';
  }

  @Cached({
    key: 'kept-long',
    ttl: '1m',
    staleWhileRevalidate: '1h',
    staleIfError: '2h',
    negativeTtl: 0,
    shouldStore: (value) => value !== 'not this',
  })
  keptLong(): unknown {
    runs.push('keptLong');
    return answer();
  }

  @SetMetadata('above', 'a')
  @Cached()
  @SetMetadata('below', 'b')
  decorated(_one: string, _two: string): string {
    return 'decorated';
  }

  @Cached()
  @SetMetadata('both', 'first')
  between(): string {
    return 'between';
  }
}

@Injectable()
class Sales extends Reports {
  override readonly name = 'sales';
}

@Injectable()
class Stock extends Reports {
  override readonly name = 'stock';

  override async find(id: number): Promise<object> {
    return { extended: await super.find(id) };
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  @Cached()
  async find(id: number): Promise<number> {
    runs.push('request');
    return id;
  }
}

const BY_FACTORY = 'by factory';
const BY_VALUE = 'by value';

describe('@Cached', () => {
  let module: TestingModule;
  let reports: Reports;
  let cache: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    runs = [];
    answer = () => 'first';
    clock = new FakeClock();
    module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({})],
      providers: [
        Reports,
        Sales,
        Stock,
        PerRequest,
        { provide: BY_FACTORY, useFactory: () => new Reports() },
        { provide: BY_VALUE, useValue: new Reports() },
      ],
    })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    reports = module.get(Reports);
    cache = module.get(CacheService);
  });

  afterEach(async () => {
    await module.close();
  });

  it('runs the method once for the same arguments', async () => {
    const first = await reports.find(1, { a: 1, b: 2 });
    expect(await reports.find(1, { b: 2, a: 1 })).toStrictEqual(first);
    expect(runs).toEqual(['reports.find']);
    await reports.find(2);
    await reports.find(1);
    expect(runs).toHaveLength(3);
  });

  it('runs the method once for concurrent calls', async () => {
    await Promise.all(Array.from({ length: 100 }, () => reports.find(1)));
    expect(runs).toEqual(['reports.find']);
  });

  it('gives the method its instance', async () => {
    expect(await reports.find(1)).toMatchObject({ by: 'reports', id: 1 });
  });

  it('takes the key from a function of the arguments, or as a text', async () => {
    expect(await reports.keyed(1, 'a')).toBe('1a');
    expect(await reports.keyed(1, 'b')).toBe('1a');
    await reports.all();
    expect(await cache.get('report:1')).toBe('1a');
    expect(await cache.get('all-reports')).toBe('all');
    await cache.delete('report:1');
    expect(await reports.keyed(1, 'b')).toBe('1b');
  });

  it('gives what it stores fixed tags', async () => {
    for (const id of [1, 2, 1]) await reports.tagged(id);
    expect(runs).toEqual(['tagged', 'tagged']);
    await cache.invalidateTags(['reports']);
    expect(await cache.get('tagged:1')).toBeUndefined();
    await reports.tagged(1);
    expect(runs).toHaveLength(3);
  });

  it('gives what it stores tags made of the outcome and the arguments', async () => {
    for (const id of [1, 2, 10]) await reports.owned(id);
    await cache.invalidateTags(['id:2']);
    expect(await keysLeft(['owned:1', 'owned:2', 'owned:10'])).toEqual(['owned:1', 'owned:10']);
    await cache.invalidateTags(['owner:grace']);
    expect(await keysLeft(['owned:1', 'owned:2', 'owned:10'])).toEqual(['owned:1']);
  });

  it('serves what it holds for as long as it is fresh, and then once more while it is loaded', async () => {
    expect(await reports.keptLong()).toBe('first');
    answer = () => 'second';
    clock.advance(59_000);
    expect(await reports.keptLong()).toBe('first');
    expect(runs).toHaveLength(1);
    clock.advance(2_000);
    expect(await reports.keptLong()).toBe('first');
    await eventually(async () => expect(await cache.get('kept-long')).toBe('second'));
    expect(runs).toHaveLength(2);
  });

  it('serves an old value when the method fails, for as long as it is told to', async () => {
    await reports.keptLong();
    answer = () => {
      throw new TypeError('away');
    };
    clock.advance(61 * 60_000 + 1_000);
    expect(await reports.keptLong()).toBe('first');
    expect(runs).toHaveLength(2);
    clock.advance(60 * 60_000);
    await expect(reports.keptLong()).rejects.toThrow('away');
  });

  it('does not store what it is told not to', async () => {
    for (const value of [null, 'not this', undefined]) {
      answer = () => value;
      expect(await reports.keptLong()).toBe(value);
      expect(await cache.get('kept-long')).toBeUndefined();
    }
    expect(runs).toHaveLength(3);
  });

  it.each([
    ['ttl', { ttl: 0 }],
    ['jitter', { jitter: 2 }],
    ['tags', { tags: [''] }],
    ['staleForever', { staleForever: '1h' }],
  ])('refuses the option %s of %j', (option, options) => {
    expect(() => Cached(options as CachedOptions)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option: `@Cached.${option}` }),
    );
  });

  async function keysLeft(keys: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(keys.map((key) => cache.get(key)));
    return keys.filter((_key, at) => found[at] !== undefined);
  }

  it('rejects when the method throws, and caches nothing', async () => {
    await expect(reports.failing()).rejects.toBeInstanceOf(TypeError);
    await expect(reports.failing()).rejects.toBeInstanceOf(TypeError);
    expect(runs).toEqual(['failing', 'failing']);
  });

  it('rejects arguments that have no key, without running the method', async () => {
    const refusal = { code: 'E_INVALID_OPTION', option: 'Reports.find.key' };
    await expect(reports.find(1, new Map())).rejects.toMatchObject(refusal);
    expect(runs).toEqual([]);
  });

  it('works on a request-scoped provider, for all requests together', async () => {
    const [one, other] = [await module.resolve(PerRequest), await module.resolve(PerRequest)];
    expect(one).not.toBe(other);
    expect(await one.find(1)).toBe(1);
    expect(await other.find(1)).toBe(1);
    expect(runs).toEqual(['request']);
  });

  it('works on a subclass, and keeps its answers apart from those of its siblings', async () => {
    expect(await module.get(Sales).find(1)).toMatchObject({ by: 'sales' });
    expect(await reports.find(1)).toMatchObject({ by: 'reports' });
    expect(await module.get(Sales).find(1)).toMatchObject({ by: 'sales' });
    expect(runs).toEqual(['sales.find', 'reports.find']);
  });

  it('works through super', async () => {
    const stock = module.get(Stock);
    expect(await stock.find(1)).toMatchObject({ extended: { by: 'stock', id: 1 } });
    await stock.find(1);
    expect(runs).toEqual(['stock.find']);
  });

  it.each([
    ['above', 'a'],
    ['below', 'b'],
  ])('keeps metadata set %s it', (key, value) => {
    expect(module.get(Reflector).get(key, reports.decorated)).toBe(value);
  });

  it('keeps the metadata, name and length of the method', async () => {
    expect(Reflect.getMetadata('both', reports.between)).toBe('first');
    expect([reports.decorated.name, reports.decorated.length]).toEqual(['decorated', 2]);
    expect([reports.find.name, reports.find.length]).toEqual(['find', 2]);
    expect(await reports.decorated('a', 'b')).toBe('decorated');
  });

  it.each([BY_FACTORY, BY_VALUE])(
    'on an instance provided %s is E_DECORATOR_UNBOUND',
    async (token) => {
      const unbound = module.get<Reports>(token);
      await expect(unbound.find(1)).rejects.toMatchObject({
        code: 'E_DECORATOR_UNBOUND',
        decorator: '@Cached',
        method: 'Reports.find',
      });
      expect(runs).toEqual([]);
    },
  );

  it('without the module of the cache stops the boot', async () => {
    const boot = Test.createTestingModule({ providers: [Reports] }).compile();
    await expect(boot).rejects.toThrow('CacheService');
  });
});

describe('two classes of one name', () => {
  function reportsOf(region: string) {
    @Injectable()
    class Regional {
      @Cached()
      find(): string {
        return region;
      }

      @Cached({ key: `regional:${region}` })
      keyed(): string {
        return region;
      }
    }
    return Regional;
  }

  it('do not get the values of each other', async () => {
    const [North, South] = [reportsOf('north'), reportsOf('south')];
    const app = await Test.createTestingModule({
      imports: [CacheModule.forRoot()],
      providers: [North, South],
    }).compile();
    await expect(app.get(North).find()).resolves.toBe('north');
    await expect(async () => app.get(South).find()).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      message: expect.stringContaining('Regional.find') as unknown,
    });
    expect([await app.get(North).keyed(), await app.get(South).keyed()]).toEqual([
      'north',
      'south',
    ]);
    await app.close();
  });
});
