import { Injectable, Scope } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { Cached } from '../../../src/modules/cache/cached.decorator.js';
import {
  CacheEvict,
  type CacheEvictOptions,
} from '../../../src/modules/cache/cache-evict.decorator.js';
import { CacheModule } from '../../../src/modules/cache/cache.module.js';
import { CacheService } from '../../../src/modules/cache/cache.service.js';

let runs: string[] = [];
let cacheDuring: () => Promise<unknown> = async () => undefined;

@Injectable()
class Users {
  @CacheEvict({ keys: ['user:all', 'user:count'] })
  async addUser(name: string): Promise<string> {
    await cacheDuring();
    return `added ${name}`;
  }

  @CacheEvict({ keys: (_value: unknown, id: number) => [`user:${id}`] })
  rename(id: number, _name: string): number {
    return id;
  }

  @CacheEvict({ keys: (value: unknown) => [`user:${String(value)}`] })
  removeLatest(): number {
    return 3;
  }

  @CacheEvict({ tags: (_value: unknown, team: string) => [`team:${team}`] })
  dissolve(_team: string): void {}

  @CacheEvict({ tags: ['users'], soft: true })
  touchAll(): void {}

  @CacheEvict({ pattern: 'user:*' })
  removeAll(): void {}

  @CacheEvict({ pattern: (_value: unknown, team: string) => `${team}:*` })
  removeTeam(_team: string): void {}

  @CacheEvict({
    keys: ['user:1'],
    when: (value: unknown, _: boolean, id: number) => value === true && id > 1,
  })
  removeIf(isRemoved: boolean, _id: number): boolean {
    return isRemoved;
  }

  @CacheEvict({ keys: ['user:1'], tags: ['users'], pattern: 'user:*' })
  async failing(): Promise<void> {
    throw new TypeError('not changed');
  }

  @CacheEvict({ keys: ['k'.repeat(2_000)], tags: ['users'], pattern: 'team:*' })
  impossible(): string {
    runs.push('impossible');
    return 'changed';
  }

  @CacheEvict({
    keys: () => {
      throw new RangeError('of the function');
    },
    tags: ['users'],
  })
  unthinkable(): void {}

  @Cached({ key: 'user:above' })
  @CacheEvict({ keys: ['user:1'] })
  cachedAbove(): number {
    runs.push('cachedAbove');
    return 1;
  }

  @CacheEvict({ keys: ['user:1'] })
  @Cached({ key: 'user:below' })
  cachedBelow(): number {
    runs.push('cachedBelow');
    return 1;
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  @CacheEvict({ keys: ['user:1'] })
  remove(): void {}
}

describe('@CacheEvict', () => {
  let module: TestingModule;
  let users: Users;
  let cache: CacheService;

  beforeEach(async () => {
    runs = [];
    cacheDuring = async () => undefined;
    module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ staleWhileRevalidate: '1h' })],
      providers: [Users, PerRequest, { provide: 'unbound', useFactory: () => new Users() }],
    }).compile();
    users = module.get(Users);
    cache = module.get(CacheService);
    for (const key of ['all', 'count', '1', '2', '3']) {
      await cache.set(`user:${key}`, key, { tags: ['users', `team:${key}`] });
    }
    await cache.set('team:1', 'team', { tags: ['teams'] });
  });

  afterEach(() => module.close());

  async function left(): Promise<readonly string[]> {
    const keys = ['user:all', 'user:count', 'user:1', 'user:2', 'user:3', 'team:1'];
    const found = await Promise.all(keys.map((key) => cache.get(key)));
    return keys.filter((_key, at) => found[at] !== undefined);
  }

  it('removes keys when the method has succeeded, and gives what it gave', async () => {
    cacheDuring = async () => expect(await cache.get('user:all')).toBe('all');
    expect(await users.addUser('Ada')).toBe('added Ada');
    expect(await left()).toEqual(['user:1', 'user:2', 'user:3', 'team:1']);
  });

  it('has made the eviction when the caller is answered, so that an old load is not stored', async () => {
    let finish: (value: string) => void = () => undefined;
    const load = () => new Promise<string>((resolve) => (finish = resolve));
    await cache.delete('user:1');
    const loading = cache.getOrSet('user:1', load);
    await new Promise(setImmediate);
    await users.rename(1, 'Grace');
    finish('old');
    await loading;
    expect(await cache.get('user:1')).toBeUndefined();
  });

  it('takes keys from the arguments', async () => {
    expect(await users.rename(2, 'Grace')).toBe(2);
    expect(await left()).not.toContain('user:2');
    expect(await left()).toHaveLength(5);
  });

  it('takes keys from the outcome', async () => {
    await users.removeLatest();
    expect(await left()).not.toContain('user:3');
    expect(await left()).toHaveLength(5);
  });

  it('outdates tags', async () => {
    await users.dissolve('2');
    expect(await left()).not.toContain('user:2');
    expect(await left()).toHaveLength(5);
  });

  it('outdates tags softly: what has them is served once more while it is loaded anew', async () => {
    await users.touchAll();
    expect(await left()).toEqual(['team:1']);
    expect(await cache.getOrSet('user:1', () => 'new')).toBe('1');
  });

  it('removes what matches a pattern, fixed or made of the call', async () => {
    await users.removeTeam('team');
    expect(await left()).not.toContain('team:1');
    await users.removeAll();
    expect(await left()).toEqual([]);
  });

  it('asks `when` with the outcome and the arguments', async () => {
    await users.removeIf(false, 2);
    await users.removeIf(true, 1);
    expect(await left()).toHaveLength(6);
    await users.removeIf(true, 2);
    expect(await left()).not.toContain('user:1');
  });

  it('evicts nothing when the method fails, and rejects with its error', async () => {
    await expect(users.failing()).rejects.toThrow(new TypeError('not changed'));
    expect(await left()).toHaveLength(6);
  });

  it('rejects when something cannot be evicted, after the method ran and the rest was', async () => {
    await expect(users.impossible()).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
    expect(runs).toEqual(['impossible']);
    expect(await left()).toEqual([]);
  });

  it('rejects with the error of a key function, and evicts the rest', async () => {
    await expect(users.unthinkable()).rejects.toThrow(new RangeError('of the function'));
    expect(await left()).toEqual(['team:1']);
  });

  it('below @Cached evicts when the method runs, above it with every call', async () => {
    for (const [method, evictsAgain] of [
      ['cachedAbove', false],
      ['cachedBelow', true],
    ] as const) {
      await users[method]();
      expect(await cache.get('user:1')).toBeUndefined();
      await cache.set('user:1', 'again');
      await users[method]();
      expect(await cache.get('user:1')).toBe(evictsAgain ? undefined : 'again');
    }
    expect(runs).toEqual(['cachedAbove', 'cachedBelow']);
  });

  it('works on a request-scoped provider', async () => {
    await (await module.resolve(PerRequest)).remove();
    expect(await left()).not.toContain('user:1');
  });

  it('on an instance that Nest did not build is E_DECORATOR_UNBOUND', async () => {
    await expect(module.get<Users>('unbound').rename(1, '')).rejects.toMatchObject({
      code: 'E_DECORATOR_UNBOUND',
      decorator: '@CacheEvict',
    });
  });

  it.each([
    ['@CacheEvict', {}],
    ['@CacheEvict', { when: () => true }],
    ['@CacheEvict.soft', { keys: ['a'], soft: true }],
    ['@CacheEvict.key', { key: ['a'] }],
  ])('refuses the option %s of %j', (option, options) => {
    expect(() => CacheEvict(options as CacheEvictOptions)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option }),
    );
  });
});
