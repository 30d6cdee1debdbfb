import fc from 'fast-check';
import { compileGlob, encodedMatch } from '../../src/common/redis/glob.js';
import { encodeTag } from '../../src/common/redis/key-encoding.js';

/** Few letters, so that patterns and texts meet; a letter of two UTF-16 units among them. */
const LETTERS = ['a', 'b', '*', '?', '\\', 'é', '😀', ':'] as const;

const text = fc.array(fc.constantFrom(...LETTERS), { maxLength: 8 }).map((all) => all.join(''));

/** Any sequence of UTF-16 units, halves of pairs included. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xff), fc.nat(0xffff)), { maxLength: 12 })
  .map((units) => String.fromCharCode(...units));

describe('compileGlob', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything: at all', true],
    ['user:*', 'user:1', true],
    ['user:*', 'user:', true],
    ['user:*', 'users:1', false],
    ['*:42', 'user:42', true],
    ['*:42', 'user:421', false],
    ['user:*:page', 'user:1:2:page', true],
    ['user:?', 'user:1', true],
    ['user:?', 'user:12', false],
    ['user:?', 'user:', false],
    ['?', '😀', true],
    ['??', '😀', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['\\?', '?', true],
    ['\\?', 'a', false],
    ['\\\\', '\\', true],
    ['\\a', 'a', true],
    ['a\\', 'a\\', true],
    ['[ab]', 'a', false],
    ['[ab]', '[ab]', true],
    ['{a,b}', 'a', false],
    ['a\nb', 'a\nb', true],
    ['*', 'a\nb', true],
    ['.', 'a', false],
    ['user', 'User', false],
    ['*aab', 'aaab', true],
  ])('%j on %j is %s', (pattern, candidate, expected) => {
    expect(compileGlob(pattern)(candidate)).toBe(expected);
  });

  it('decides as the plain recursive definition does', () => {
    fc.assert(
      fc.property(text, text, (pattern, candidate) => {
        expect(compileGlob(pattern)(candidate)).toBe(matchesPlainly(pattern, candidate));
      }),
      { numRuns: 2_000 },
    );
  });

  it('matches a text against its own escaped form and nothing longer', () => {
    fc.assert(
      fc.property(anyText, (candidate) => {
        const escaped = [...candidate].map((letter) => `\\${letter}`).join('');
        expect(compileGlob(escaped)(candidate)).toBe(true);
        expect(compileGlob(escaped)(`${candidate}x`)).toBe(false);
      }),
    );
  });

  // A matcher that tries every star again takes longer than the universe has existed.
  it.each([
    ['*'.repeat(200), true],
    [`${'*'.repeat(200)}b`, false],
    ['*a'.repeat(200), true],
    [`${'*a'.repeat(200)}b`, false],
    [`${'a*'.repeat(200)}?b`, false],
  ])('ends at once on 10000 letters, whatever the pattern (%#)', (pattern, expected) => {
    expect(compileGlob(pattern)('a'.repeat(10_000))).toBe(expected);
  });

  it('compiles once for any number of texts', () => {
    const accepts = compileGlob('a*');
    expect(['a', 'b', 'ab', ''].map(accepts)).toEqual([true, false, true, false]);
  });
});

describe('encodedMatch', () => {
  it.each([
    ['user:*', 'user:*'],
    ['user:?', 'user:*'],
    ['a**?*b', 'a*b'],
    ['[x]', '%5Bx%5D'],
    ['\\*', '%2A'],
    ['\\?', '%3F'],
    ['naïve', 'na%C3%AFve'],
    ['a}b{c', 'a%7Db%7Bc'],
  ])('turns %j into the server pattern %j', (pattern, expected) => {
    expect(encodedMatch(pattern)).toBe(expected);
  });

  it('finds the encoded form of every text that the glob means', () => {
    fc.assert(
      fc.property(text, text, (pattern, candidate) => {
        fc.pre(compileGlob(pattern)(candidate));
        expect(matchesPlainly(encodedMatch(pattern), encodeTag(candidate))).toBe(true);
      }),
    );
  });

  it('never contains a character that the server would take for a class or an escape', () => {
    fc.assert(
      fc.property(anyText, (pattern) => {
        expect(encodedMatch(pattern)).toMatch(/^[A-Za-z0-9_.~@/,=+:%*-]*$/);
      }),
    );
  });
});

/** The definition, exponential and obviously right. */
function matchesPlainly(pattern: string, candidate: string): boolean {
  const [first, ...rest] = [...pattern];
  const [letter, ...letters] = [...candidate];
  const remaining = rest.join('');
  if (first === undefined) return letter === undefined;
  if (first === '*') {
    const skipsOne = letter !== undefined && matchesPlainly(pattern, letters.join(''));
    return matchesPlainly(remaining, candidate) || skipsOne;
  }
  if (letter === undefined) return false;
  if (first === '?') return matchesPlainly(remaining, letters.join(''));
  if (first !== '\\' || rest[0] === undefined) {
    return first === letter && matchesPlainly(remaining, letters.join(''));
  }
  return rest[0] === letter && matchesPlainly(rest.slice(1).join(''), letters.join(''));
}
