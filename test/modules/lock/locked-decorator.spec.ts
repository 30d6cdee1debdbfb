import { Injectable, Scope, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { CLOCK } from '../../../src/common/time/index.js';
import { Locked, LockModule, LockService } from '../../../src/modules/lock/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { Deferred } from '../../support/deferred.js';

let gate: Deferred<void>;
let runs: string[] = [];

@Injectable()
class Imports {
  readonly name: string = 'imports';

  @Locked((userId: number, _file: string) => `import:${userId}`, { ttl: '5m' })
  async importTrades(userId: number, file: string): Promise<string> {
    runs.push(`${this.name} ${userId} ${file}`);
    await gate.promise;
    return `${userId}:${file}`;
  }

  @Locked('rendering', { ttl: '1m', permits: { of: 2 } })
  async render(): Promise<string> {
    await gate.promise;
    return 'rendered';
  }

  @Locked('nightly', { ttl: '1m' })
  nightly(): string {
    return `done by ${this.name}`;
  }

  @Locked('failing', { ttl: '1m' })
  failing(): never {
    throw new RangeError('at once');
  }

  @SetMetadata('above', 'a')
  @Locked('decorated', { ttl: '1m' })
  @SetMetadata('below', 'b')
  decorated(_one: string, _two: string): string {
    return 'decorated';
  }
}

@Injectable()
class BrokerImports extends Imports {
  override readonly name = 'broker';
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  @Locked('per request', { ttl: '1m' })
  async run(): Promise<string> {
    await gate.promise;
    return 'ran';
  }
}

const BY_VALUE = 'by value';

describe('@Locked', () => {
  let module: TestingModule;
  let imports: Imports;
  let locks: LockService;
  const clock = new FakeClock();

  beforeEach(async () => {
    runs = [];
    gate = new Deferred();
    module = await Test.createTestingModule({
      imports: [LockModule.forRoot()],
      providers: [
        Imports,
        BrokerImports,
        PerRequest,
        { provide: BY_VALUE, useValue: new Imports() },
      ],
    })
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    imports = module.get(Imports);
    locks = module.get(LockService);
  });

  afterEach(() => module.close());

  it('runs the method under the lock its arguments name', async () => {
    const running = imports.importTrades(1, 'a.csv');
    await expect(imports.importTrades(1, 'b.csv')).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    const other = imports.importTrades(2, 'c.csv');
    gate.resolve();
    expect(await Promise.all([running, other])).toEqual(['1:a.csv', '2:c.csv']);
    expect(runs).toEqual(['imports 1 a.csv', 'imports 2 c.csv']);
    expect(await imports.importTrades(1, 'd.csv')).toBe('1:d.csv');
  });

  it('runs the method as often at the same time as there are permits', async () => {
    const running = [imports.render(), imports.render()];
    await expect(imports.render()).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    gate.resolve();
    expect(await Promise.all(running)).toEqual(['rendered', 'rendered']);
  });

  it('keeps out everybody who takes the lock by its key', async () => {
    const lock = await locks.acquire('nightly', { ttl: '1m' });
    await expect(imports.nightly()).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    await lock.release();
    expect(await imports.nightly()).toBe('done by imports');
  });

  it('gives the lock back when the method throws', async () => {
    await expect(imports.failing()).rejects.toThrow('at once');
    await expect(imports.failing()).rejects.toThrow('at once');
  });

  it('rejects when the lock was lost before the method ended', async () => {
    const running = imports.importTrades(1, 'a.csv');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5 * 60_000);
    gate.resolve();
    await expect(running).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
  });

  it('works on request-scoped providers, for all requests together', async () => {
    const [one, other] = [await module.resolve(PerRequest), await module.resolve(PerRequest)];
    const running = one.run();
    await expect(other.run()).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    gate.resolve();
    expect(await running).toBe('ran');
  });

  it('works on a subclass, which shares the lock', async () => {
    const broker = module.get(BrokerImports);
    expect(await broker.nightly()).toBe('done by broker');
    const running = broker.importTrades(1, 'a.csv');
    await expect(imports.importTrades(1, 'b.csv')).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    gate.resolve();
    await running;
  });

  it('keeps the metadata, name and length of the method', async () => {
    const reflector = module.get(Reflector);
    expect(reflector.get('above', imports.decorated)).toBe('a');
    expect(reflector.get('below', imports.decorated)).toBe('b');
    expect([imports.decorated.name, imports.decorated.length]).toEqual(['decorated', 2]);
  });

  it('on an instance Nest did not build is E_DECORATOR_UNBOUND', async () => {
    await expect(module.get<Imports>(BY_VALUE).nightly()).rejects.toMatchObject({
      code: 'E_DECORATOR_UNBOUND',
      decorator: '@Locked',
      method: 'Imports.nightly',
    });
  });

  it.each<readonly [option: string, decorate: () => unknown]>([
    ['ttl', () => Locked('key', { ttl: 0 })],
    ['wait', () => Locked('key', { ttl: 1, wait: 'x' as never })],
    ['waits', () => Locked('key', { ttl: 1, waits: 1 } as never)],
    ['key', () => Locked('', { ttl: 1 })],
    ['key', () => Locked(['a', 'b'], { ttl: 1, permits: { of: 2 } })],
    ['key', () => Locked(['a', 'b'], { ttl: 1, shared: true })],
  ])('refuses a wrong %s when the class is loaded', (option, decorate) => {
    expect(decorate).toThrow(expect.objectContaining({ code: 'E_LOCK_MISUSE', option }));
  });

  it('without the module of the locks stops the boot', async () => {
    const boot = Test.createTestingModule({ providers: [Imports] }).compile();
    await expect(boot).rejects.toThrow('LockService');
  });
});
