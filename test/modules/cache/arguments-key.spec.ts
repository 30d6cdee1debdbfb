import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { argumentsKey } from '../../../src/modules/cache/arguments-key.js';
import type { CacheService } from '../../../src/modules/cache/cache.service.js';
import {
  type CacheKeyPart,
  defineCacheKey,
  defineCacheTag,
} from '../../../src/modules/cache/cache-key.js';
import { cacheHarness } from './cache-harness.js';
import { PATIENCE_MS, sampling, SEED } from '../../support/sampling.js';

const METHOD = 'Reports.find';
const keyOf = (...args: readonly unknown[]): string => argumentsKey(METHOD, args);

class Instance {
  readonly id = 1;
}

/** Alike to the eye, to `String()` or to JSON; each is a list of arguments. */
const DIFFERENT: readonly (readonly unknown[])[] = [
  [],
  [undefined],
  [null],
  [undefined, undefined],
  [0],
  ['0'],
  [0n],
  ['0n'],
  [false],
  ['false'],
  [''],
  [1],
  ['1'],
  [1n],
  [true],
  [NaN],
  ['NaN'],
  [Infinity],
  [-Infinity],
  [[1]],
  [[[1]]],
  [1, 2],
  [[1, 2]],
  ['1,2'],
  ['1', '2'],
  ['[1,2]'],
  [{}],
  [[]],
  // A hole.
  [Object.assign([], { length: 1 })],
  [{ a: undefined }],
  [{ a: null }],
  [{ a: 1 }],
  [{ a: '1' }],
  ['{"a":1}'],
  [{ 'a":1,"b': 2 }],
  [{ a: 1, b: 2 }],
  [{ a: { b: 2 } }],
  [{ 'a.b': 2 }],
  [new Date(0)],
  [0, 'Date(0)'],
  ['Date(0)'],
  [new Date(0).toISOString()],
  [new Date(NaN)],
  ['\ud83d'],
  ['\\ud83d'],
  ['\ufffd'],
  ['a'.repeat(300)],
  ['a'.repeat(301)],
];

describe('the key of a call', () => {
  it('differs wherever the arguments do', () => {
    const keys = DIFFERENT.map((args) => keyOf(...args));
    expect(new Set(keys).size).toBe(DIFFERENT.length);
  });

  it('differs between methods', () => {
    expect(argumentsKey('A.find', [1])).not.toBe(argumentsKey('B.find', [1]));
  });

  it('does not depend on the order of properties', () => {
    const one = { a: 1, b: { c: 2, d: [3] } };
    const other = { b: { d: [3], c: 2 }, a: 1 };
    expect(keyOf(other)).toBe(keyOf(one));
  });

  it('is the same for -0 and 0, and for a record without prototype', () => {
    expect(keyOf(-0)).toBe(keyOf(0));
    expect(keyOf(Object.assign(Object.create(null), { a: 1 }))).toBe(keyOf({ a: 1 }));
  });

  it('is readable while it is short and fits into a key when it is long', () => {
    expect(keyOf(7, 'x')).toBe(`${METHOD}:[7,"x"]`);
    expect(Buffer.byteLength(keyOf('🐎'.repeat(100_000)))).toBeLessThan(1_024);
  });

  it.each([
    ['a class instance', new Instance()],
    ['a map', new Map()],
    ['a set', new Set()],
    ['a buffer', Buffer.from('a')],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a boxed text', Object('a')],
    ['a property named by a symbol', { [Symbol('s')]: 1 }],
    ['an error', new Error('e')],
  ])('is refused for %s, at any depth', (_name, value: unknown) => {
    const refusal = { code: 'E_INVALID_OPTION', option: `${METHOD}.key` };
    for (const args of [[value], [{ deep: [value] }]]) {
      expect(() => keyOf(...args)).toThrow(expect.objectContaining(refusal));
    }
  });

  const data = fc.anything({
    key: fc.constantFrom('a', 'b', '"', '', '__proto__', '1'),
    values: [
      fc.constantFrom('', 'a', '"', '1', '\ud83d', 'undefined'),
      fc.constantFrom(0, 1, 0.5, NaN, Infinity),
      fc.constantFrom(true, false, null, undefined),
      fc.constantFrom(0n, 1n),
      fc.constantFrom(0, 1).map((ms) => new Date(ms)),
    ],
    maxDepth: 2,
    maxKeys: 2,
  });

  it(
    `is equal exactly when the arguments are (TEST_SEED=${SEED})`,
    () => {
      const args = fc.array(data, { maxLength: 2 });
      const isInjective = fc.property(args, args, (one, other) => {
        expect(keyOf(...one) === keyOf(...other)).toBe(isDeepStrictEqual(one, other));
      });
      fc.assert(isInjective, sampling());
    },
    PATIENCE_MS,
  );
});

it('an argument that holds itself is refused', () => {
  const list: unknown[] = [];
  list.push({ list });
  expect(() => keyOf(list)).toThrow(expect.objectContaining({ code: 'E_INVALID_OPTION' }));
  const shared = { a: 1 };
  expect(keyOf(shared, { shared })).toBe(keyOf({ a: 1 }, { shared: { a: 1 } }));
});

describe('defineCacheKey', () => {
  const keyOfParts = defineCacheKey('user');

  it('is readable, and within its namespace', async () => {
    const { cache } = cacheHarness();
    expect([keyOfParts(42), keyOfParts('a', 1n, true)]).toEqual(['user:42', 'user:a:1:true']);
    expect(keyOfParts('a:b', 'c*')).toBe('user:a%3Ab:c%2A');
    const keys = [keyOfParts(), keyOfParts(''), keyOfParts('a:b')];
    for (const key of keys) await cache.set(key, 1);
    await cache.set('users:1', 1);
    await cache.clear({ namespace: 'user' });
    const left = await Promise.all([...keys, 'users:1'].map((key) => cache.get(key)));
    expect(left).toEqual([undefined, undefined, undefined, 1]);
  });

  it(
    'differs wherever the texts of the parts do',
    () => {
      const nasty = fc.constantFrom('', ':', '%', '%3A', '{', '*', '\ud83d', 'a', '1');
      const part = fc.oneof(fc.string({ unit: 'binary' }), nasty, fc.integer(), fc.boolean());
      const parts = fc.array(part, { maxLength: 3 });
      const isInjective = fc.property(parts, parts, (one, other) => {
        const isSame = isDeepStrictEqual(one.map(String), other.map(String));
        expect(keyOfParts(...one) === keyOfParts(...other)).toBe(isSame);
        expect(defineCacheTag('user')(...one)).toBe(keyOfParts(...one));
      });
      fc.assert(isInjective, sampling());
    },
    PATIENCE_MS,
  );

  it.each([[''], ['a:b'], ['n'.repeat(101)]])('refuses the namespace %j', (namespace) => {
    const refusal = expect.objectContaining({ code: 'E_INVALID_OPTION', option: 'namespace' });
    expect(() => defineCacheKey(namespace)).toThrow(refusal);
    expect(() => defineCacheTag(namespace)).toThrow(refusal);
  });

  it('ties what is kept to the key, and the parts to their types', () => {
    const userKey = defineCacheKey<{ readonly name: string }, [id: number]>('user');
    const teamTag = defineCacheTag<[team: string, year: number]>('team');
    // Compiled and never run: what does not fail to compile here would make the file fail to.
    const typed = async (cache: CacheService): Promise<readonly unknown[]> => {
      const found: { readonly name: string } | undefined = await cache.get(userKey(1));
      const loaded: string = (await cache.getOrSet(userKey(1), () => ({ name: 'Ada' }))).name;
      // @ts-expect-error the value is of another type
      const wrong: number | undefined = await cache.get(userKey(1));
      // @ts-expect-error a user has a name
      await cache.set(userKey(1), { nickname: 'Ada' });
      // @ts-expect-error the loader makes something else
      await cache.getOrSet(userKey(1), () => 'Ada');
      return [found, loaded, wrong];
    };
    // @ts-expect-error a number is wanted
    const ofText = userKey('1');
    // @ts-expect-error the year is missing
    const short = teamTag('a');
    // @ts-expect-error objects have no text of their own
    const object: CacheKeyPart = {};
    expect([typeof typed, ofText, short, object]).toEqual(['function', 'user:1', 'team:a', {}]);
  });
});
