import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { argumentsKey } from '../../../src/modules/cache/arguments-key.js';
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
