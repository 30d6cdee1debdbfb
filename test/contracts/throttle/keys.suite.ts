import type { ThrottlePolicy } from '../../../src/modules/throttle/index.js';
import {
  checks,
  hit,
  look,
  type OpenThrottle,
  policy,
  STRATEGIES,
  type ThrottleFixture,
  useFixture,
} from './throttle-fixture.js';

/** Texts that an encoding which is not injective, or a key pattern, would trip over. */
const AWKWARD_TEXTS: readonly string[] = [
  'a:b',
  'a',
  'a:',
  ':a',
  '{a}',
  '{}',
  '{a',
  'a}',
  '*',
  'a*',
  '?',
  '[a]',
  '\\',
  'line\nbreak',
  'line\r\nbreak',
  ' ',
  '  ',
  '\0',
  '"',
  "'",
  'a","b',
  '👩‍👩‍👧',
  '👩',
  'é',
  'e\u0301',
  'İ',
  '__proto__',
  'constructor',
  'toString',
  '%',
  '%3A',
  '%253A',
  '%uD800',
  '\uD800',
  '\uDC00',
  '\uD800\uD801',
  '\uFFFD',
  'A',
  'fixed-window',
  'x'.repeat(1_024),
  `${'x'.repeat(1_023)}y`,
  '€'.repeat(341),
];

/** Texts that are no subject and no policy name. */
const UNUSABLE_TEXTS: readonly (readonly [title: string, text: string])[] = [
  ['empty', ''],
  ['1025 bytes long', 'x'.repeat(1_025)],
  ['1026 bytes long in 342 characters', '€'.repeat(342)],
  ['a megabyte long', 'x'.repeat(1_000_000)],
];

/** Whatever the texts: no two subjects and no two policies ever share a counter. */
export function keysSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  describe.each(STRATEGIES)('%s', (strategy) => {
    it('keeps awkward subjects apart', async () => {
      await expectApart(fixture(), AWKWARD_TEXTS, (text) => [text, policy({ strategy })]);
    });

    it('keeps awkward policy names apart', async () => {
      await expectApart(fixture(), AWKWARD_TEXTS, (text) => [
        'alice',
        policy({ strategy, name: text }),
      ]);
    });
  });

  it('does not mix up where a subject ends and a policy begins', async () => {
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a}:b', 'c'],
      ['a', 'b}:c'],
      ['a","b', 'c'],
      ['a', 'b","c'],
    ] as const;
    await expectApart(fixture(), pairs, ([subject, name]) => [subject, policy({ name })]);
  });

  it('resets a subject named like a pattern without touching what the pattern matches', async () => {
    const { driver } = fixture();
    for (const subject of ['user:1', 'user:2', 'user:*']) await hit(driver, subject, policy());
    await driver.reset(checks('user:*', [policy()]));
    await expect(look(driver, 'user:1', policy())).resolves.toMatchObject({ remaining: 2 });
    await expect(look(driver, 'user:*', policy())).resolves.toMatchObject({ remaining: 3 });
  });

  describe.each(UNUSABLE_TEXTS)('a text that is %s', (_title, text) => {
    const wrong = { code: 'E_INVALID_OPTION' };

    it('is refused as a subject by every method', async () => {
      const { driver } = fixture();
      await expect(driver.consume(checks(text, [policy()]))).rejects.toMatchObject(wrong);
      await expect(driver.peek(checks(text, [policy()]))).rejects.toMatchObject(wrong);
      await expect(driver.reset(checks(text, [policy()]))).rejects.toMatchObject(wrong);
    });

    it('is refused as a policy name without counting under the other policies', async () => {
      const { driver } = fixture();
      const policies = [policy(), policy({ name: text })];
      await expect(driver.consume(checks('alice', policies))).rejects.toMatchObject(wrong);
      await expect(driver.reset(checks('alice', policies))).rejects.toMatchObject(wrong);
      await expect(look(driver, 'alice', policy())).resolves.toMatchObject({ remaining: 3 });
    });
  });
}

/** One hit of two for each entry: those that share a counter have none left. */
async function expectApart<T>(
  { driver }: ThrottleFixture,
  entries: readonly T[],
  toHit: (entry: T) => readonly [subject: string, policy: ThrottlePolicy],
): Promise<void> {
  const targets = entries.map((entry) => {
    const [subject, asked] = toHit(entry);
    return { entry, subject, asked: { ...asked, limit: 2 } };
  });
  await Promise.all(targets.map(({ subject, asked }) => hit(driver, subject, asked)));
  const left = await Promise.all(
    targets.map(async ({ entry, subject, asked }) => {
      const { remaining } = await look(driver, subject, asked);
      return { entry, remaining };
    }),
  );
  expect(left.filter(({ remaining }) => remaining !== 1)).toEqual([]);
}
