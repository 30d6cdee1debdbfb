import { jsonView } from '../../src/common/admin/index.js';

describe('jsonView', () => {
  it.each([
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a bigint', 2n ** 70n, '1180591620717411303424'],
    ['a Map', new Map([['a', new Map([[1n, 2]])]]), [['a', [['1', 2]]]]],
    ['a Set', { set: new Set([1, new Set(['b'])]) }, { set: [1, ['b']] }],
    ['no number', [NaN, Infinity], [null, null]],
    ['nested undefined', { a: undefined, b: [undefined] }, { b: [null] }],
    ['bytes', Buffer.from('a'), { type: 'Buffer', data: [97] }],
    ['a text', 'text', 'text'],
    ['null', null, null],
    ['undefined', undefined, null],
  ])('shows %s', (_what, value, shown) => {
    expect(jsonView(value)).toEqual(shown);
  });

  it('shares nothing with the value', () => {
    const value = { list: [1] };
    expect(jsonView(value)).not.toBe(value);
  });
});
