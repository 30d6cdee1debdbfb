import fc from 'fast-check';

/** Surrogates are no characters: what comes after them moves up. */
const SURROGATES = { from: 0xd800, count: 0x800 } as const;
const LAST = 0x10_ffff;

/**
 * Any one character, for `fc.string({ unit: codePoint })`. It is what the unit `'binary'` draws,
 * which makes a table of all million of them first; that takes a second.
 */
export const codePoint: fc.Arbitrary<string> = fc
  .integer({ min: 0, max: LAST - SURROGATES.count })
  .map(
    (rank) => String.fromCodePoint(rank < SURROGATES.from ? rank : rank + SURROGATES.count),
    rankOf,
  );

/** Lets fast-check mix in strings of its own, such as `__proto__`, and shrink them. */
function rankOf(character: unknown): number {
  const point = typeof character === 'string' ? character.codePointAt(0) : undefined;
  const isOne = point !== undefined && String.fromCodePoint(point) === character;
  const isSurrogate = (at: number): boolean =>
    at >= SURROGATES.from && at < SURROGATES.from + SURROGATES.count;
  if (!isOne || isSurrogate(point)) throw new Error('not one character');
  return point < SURROGATES.from ? point : point - SURROGATES.count;
}
