import fc from 'fast-check';
import { decodePart, encodePart, encodeTag } from '../../src/common/redis/key-encoding.js';

/** Any sequence of UTF-16 units, halves of pairs included. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xff), fc.nat(0xffff)), { maxLength: 12 })
  .map((units) => String.fromCharCode(...units));

/** What users would try: separators, escapes and what the escapes look like. */
const tricky = fc
  .array(fc.constantFrom('%', '%3A', ':', '{', '}', 'u', '%uD800', '\ud800', '\udc00', 'é', 'A'), {
    maxLength: 6,
  })
  .map((pieces) => pieces.join(''));

const text = fc.oneof(anyText, tricky);

describe.each([
  { name: 'encodePart', encode: encodePart, unsafe: /[:{}*?[\]\\\s]|[^\x21-\x7e]/ },
  { name: 'encodeTag', encode: encodeTag, unsafe: /[{}*?[\]\\\s]|[^\x21-\x7e]/ },
])('$name', ({ encode, unsafe }) => {
  it('leaves nothing that separates, matches or is not ASCII', () => {
    fc.assert(fc.property(text, (part) => expect(encode(part)).not.toMatch(unsafe)));
  });

  it('is decoded to the same text', () => {
    fc.assert(
      fc.property(text, (part) => expect(decodePart(encode(part))).toBe(part)),
      {
        numRuns: 1_000,
      },
    );
  });

  it('gives different texts different results', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(encode(one) === encode(other)).toBe(one === other);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['', ''],
    ['user_42.a~b@c/d,e=f+g-h', 'user_42.a~b@c/d,e=f+g-h'],
    ['a b', 'a%20b'],
    ['{x}', '%7Bx%7D'],
    ['*?[]\\', '%2A%3F%5B%5D%5C'],
    ["!'()", '%21%27%28%29'],
    ['100%', '100%25'],
    ['%uD800', '%25uD800'],
    ['é', '%C3%A9'],
    ['😀', '%F0%9F%98%80'],
    ['\ud800', '%uD800'],
    ['\ud800A', '%uD800A'],
    ['a\nb\0', 'a%0Ab%00'],
  ])('writes %j as %s', (part, encoded) => {
    expect(encode(part)).toBe(encoded);
  });
});

it('a colon separates parts, and stays readable in a tag', () => {
  expect(encodePart('user:42')).toBe('user%3A42');
  expect(encodeTag('user:42')).toBe('user:42');
});
