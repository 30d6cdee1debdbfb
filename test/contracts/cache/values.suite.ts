import { randomBytes } from 'node:crypto';
import { type CacheSubject, useCache } from './cache-fixtures.js';

const HOUR = 3_600_000;
const MEBIBYTE = 1024 * 1024;

/** What was stored comes back, byte for byte, and the last one who stores wins. */
export function valuesSuite({ open, textOnly }: CacheSubject): void {
  const cache = useCache(open);

  it('get of a key that was never stored is undefined', async () => {
    expect(await cache().driver.get('absent')).toBeUndefined();
  });

  it('get gives the bytes that were set', async () => {
    await cache().driver.set('key', Buffer.from('value'), HOUR);
    expect(await cache().driver.get('key')).toEqual(Buffer.from('value'));
  });

  it('set replaces what was there', async () => {
    await cache().driver.set('key', Buffer.from('a much longer first value'), HOUR);
    await cache().driver.set('key', Buffer.from('second'), HOUR);
    expect(await cache().driver.get('key')).toEqual(Buffer.from('second'));
  });

  it('keeps an empty buffer apart from nothing', async () => {
    await cache().driver.set('empty', Buffer.alloc(0), HOUR);
    expect(await cache().driver.get('empty')).toEqual(Buffer.alloc(0));
    expect(await cache().driver.delete(['empty'])).toBe(1);
  });

  it('keeps a megabyte', async () => {
    const bytes = textOnly
      ? Buffer.from(randomBytes(MEBIBYTE / 2).toString('hex'))
      : randomBytes(MEBIBYTE);
    await cache().driver.set('big', bytes, HOUR);
    const found = await cache().driver.get('big');
    expect(found?.equals(bytes)).toBe(true);
  });

  it.each(['null', '"quoted"', '{"v":1}', 'with\u0000nul and\r\nline ends', 'žluťoučký 🐎 kůň'])(
    'keeps the text %j as it is',
    async (text) => {
      await cache().driver.set('text', Buffer.from(text), HOUR);
      expect(String(await cache().driver.get('text'))).toBe(text);
    },
  );

  if (!textOnly) {
    it('keeps every byte there is', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await cache().driver.set('bytes', bytes, HOUR);
      expect(await cache().driver.get('bytes')).toEqual(bytes);
    });
  }

  it('a buffer handed out stays as it is when the key is set again or deleted', async () => {
    await cache().driver.set('kept', Buffer.from('first'), HOUR);
    const handedOut = await cache().driver.get('kept');
    await cache().driver.set('kept', Buffer.from('SECOND'), HOUR);
    expect(handedOut).toEqual(Buffer.from('first'));
    await cache().driver.delete(['kept']);
    expect(handedOut).toEqual(Buffer.from('first'));
  });

  it('leaves a buffer that was handed in alone', async () => {
    const handedIn = Buffer.from('value');
    await cache().driver.set('key', handedIn, HOUR);
    await cache().driver.delete(['key']);
    expect(handedIn).toEqual(Buffer.from('value'));
  });
}
