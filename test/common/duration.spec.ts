import fc from 'fast-check';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import { type Duration, formatDuration, parseDuration } from '../../src/common/time/index.js';

const TEN_YEARS_MS = 10 * 365 * 24 * 60 * 60 * 1_000;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

describe('parseDuration', () => {
  it.each<[unknown, number]>([
    [1, 1],
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1.5s', 1_500],
    ['0.25h', 900_000],
    [' 30s ', 30_000],
    ['3650d', TEN_YEARS_MS],
    [TEN_YEARS_MS, TEN_YEARS_MS],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseDuration(value, 'ttl')).toBe(expected);
  });

  it.each<[unknown]>([
    ['soon'],
    [''],
    ['30'],
    ['s'],
    ['-5s'],
    ['+5s'],
    ['5 s'],
    ['5S'],
    ['1e3ms'],
    ['.5s'],
    ['5.s'],
    ['5s5s'],
    ['5w'],
    ['5toString'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [10n],
    [true],
    [null],
    [undefined],
    [{}],
    [['5s']],
    [Symbol('5s')],
    [circular()],
  ])('refuses %p, which is not a duration', (value) => {
    expect(refusalOf(value)).toEqual(expect.stringContaining('is not a duration'));
  });

  it.each([0, -1, 0.5, 1.5, '0s', '0.5ms', '0.0001s', TEN_YEARS_MS + 1, '3651d'])(
    'refuses %j, which does not come to whole milliseconds in range',
    (value) => {
      expect(refusalOf(value)).toEqual(expect.stringContaining('must come to whole milliseconds'));
    },
  );

  it('never comes to anything but what the decimal number says, whatever its binary rounding', () => {
    const units = fc.constantFrom('s', 'm', 'h', 'd' as const);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: TEN_YEARS_MS }), units, (milliseconds, unit) => {
        const digits = { s: 3, m: 0, h: 0, d: 0 }[unit];
        const count = (milliseconds / UNIT_MS[unit]).toFixed(digits);
        const exact =
          (BigInt(count.replace('.', '')) * BigInt(UNIT_MS[unit])) / 10n ** BigInt(digits);
        fc.pre(exact >= 1n && exact <= BigInt(TEN_YEARS_MS));
        expect(parseDuration(`${count}${unit}`, 'ttl')).toBe(Number(exact));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [1, '1ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_500, '1.5s'],
    [90_000, '90s'],
    [300_000, '5m'],
    [86_400_000, '1d'],
  ])('writes %d ms as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('writes what parseDuration reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: TEN_YEARS_MS }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds) as Duration, 'ttl')).toBe(milliseconds);
      }),
      { numRuns: 1_000 },
    );
  });
});

function circular(): object {
  const self: { self?: unknown } = {};
  self.self = self;
  return self;
}

function refusalOf(value: unknown): string {
  try {
    parseDuration(value, 'cache.ttl');
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    const { code, option, problem } = error as InvalidOptionError;
    expect({ code, option }).toEqual({ code: 'E_INVALID_OPTION', option: 'cache.ttl' });
    return problem;
  }
  throw new Error('it was accepted');
}
