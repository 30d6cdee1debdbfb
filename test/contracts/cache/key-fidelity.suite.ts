import fc from 'fast-check';
import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';
import { PATIENCE_MS, sampling } from '../../support/sampling.js';

const HOUR = 3_600_000;

/** Pairs here differ by one encoding step: what one escapes to is what the other one is. */
const DIFFICULT_KEYS = [
  '*',
  '?',
  ':',
  '::',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\0',
  '\t',
  '%',
  '%25',
  '%2525',
  '%3A',
  '%20',
  '+',
  '{}',
  '{',
  '}',
  '}{',
  '{a}:b',
  '{b}:a',
  '%7B%7D',
  '[a]',
  '\\',
  '\\*',
  '__proto__',
  'constructor',
  'toString',
  'é',
  'e\u0301',
  'É',
  '%C3%A9',
  '🐎',
  '👩‍👩‍👧',
  '\ud83d',
  '\udc0e',
  '\udc0e\ud83d',
  '\ufffd',
  '%uD83D',
  '%EF%BF%BD',
  '0',
  '00',
  '-0',
  'null',
  'undefined',
  'NaN',
  'k'.repeat(1_024),
  `${'k'.repeat(1_023)}l`,
  'é'.repeat(512),
  '%'.repeat(1_024),
];

/** Any text of up to 1 kB is a key of its own. */
export function keyFidelitySuite({ open }: ByteStoreSubject): void {
  const cache = useByteStore(open);

  it('no difficult key touches another one', async () => {
    await Promise.all(
      DIFFICULT_KEYS.map((key, index) =>
        cache().store.set(key, { bytes: Buffer.from(`${index}`), ttlMs: HOUR }),
      ),
    );
    const found = await Promise.all(DIFFICULT_KEYS.map((key) => cache().store.get(key)));
    expect(found.map(String)).toEqual(DIFFICULT_KEYS.map((_, index) => `${index}`));
    expect(await cache().store.delete(DIFFICULT_KEYS)).toBe(DIFFICULT_KEYS.length);
  });

  it('each difficult key, taken literally, is removed alone by pattern', async () => {
    const value = Buffer.from('value');
    await Promise.all(
      DIFFICULT_KEYS.map((key) => cache().store.set(key, { bytes: value, ttlMs: HOUR })),
    );
    for (const key of DIFFICULT_KEYS) {
      const literally = key.replace(/[*?\\]/g, '\\$&');
      expect([key, await cache().store.deleteMatching(literally)]).toEqual([key, 1]);
    }
  });

  it.each([
    ['no text', ''],
    ['1025 letters', 'k'.repeat(1_025)],
    ['1026 bytes in 513 letters', 'é'.repeat(513)],
    ['1028 bytes in 257 characters', '🐎'.repeat(257)],
  ])('refuses a key of %s', async (_size, key) => {
    const refused = { code: 'E_INVALID_OPTION' };
    await expect(cache().store.get(key)).rejects.toMatchObject(refused);
    await expect(
      cache().store.set(key, { bytes: Buffer.from('v'), ttlMs: HOUR }),
    ).rejects.toMatchObject(refused);
    await expect(cache().store.delete([key])).rejects.toMatchObject(refused);
  });

  it(
    'two different keys never touch each other',
    async () => {
      const anyCode = fc.nat(0xffff).map((code) => String.fromCharCode(code));
      const key = fc.string({ unit: anyCode, minLength: 1, maxLength: 8 });
      const escapes = fc
        .array(fc.constantFrom('%', '25', '2', '5', 'u', 'D800', '\ud800', '\udc00', ':', '{', '}'))
        .map((pieces) => pieces.join(''))
        .filter((text) => text !== '');
      const pair = fc
        .tuple(fc.oneof(key, escapes), fc.oneof(key, escapes))
        .filter(([one, other]) => one !== other);
      const touchesNothing = fc.asyncProperty(pair, async ([one, other]) => {
        await cache().store.set(one, { bytes: Buffer.from('one'), ttlMs: HOUR });
        expect(await cache().store.get(other)).toBeUndefined();
        await cache().store.set(other, { bytes: Buffer.from('other'), ttlMs: HOUR });
        expect(await cache().store.get(one)).toEqual(Buffer.from('one'));
        expect(await cache().store.delete([one])).toBe(1);
        expect(await cache().store.delete([other])).toBe(1);
      });
      await fc.assert(touchesNothing, sampling(0.05));
    },
    PATIENCE_MS,
  );
}
