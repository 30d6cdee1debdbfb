import { randomBytes } from 'node:crypto';
import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
const MEBIBYTE = 1024 * 1024;

/** What was stored comes back, byte for byte, and the last one who stores wins. */
export function valuesSuite({ open, textOnly }: ByteStoreSubject): void {
  const cache = useByteStore(open);

  it('get of a key that was never stored is undefined', async () => {
    expect(await cache().store.get('absent')).toBeUndefined();
  });

  it('get gives the bytes that were set', async () => {
    await cache().store.set('key', { bytes: Buffer.from('value'), ttlMs: HOUR });
    expect(await cache().store.get('key')).toEqual(Buffer.from('value'));
  });

  it('set replaces what was there', async () => {
    await cache().store.set('key', {
      bytes: Buffer.from('a much longer first value'),
      ttlMs: HOUR,
    });
    await cache().store.set('key', { bytes: Buffer.from('second'), ttlMs: HOUR });
    expect(await cache().store.get('key')).toEqual(Buffer.from('second'));
  });

  it('keeps an empty buffer apart from nothing', async () => {
    await cache().store.set('empty', { bytes: Buffer.alloc(0), ttlMs: HOUR });
    expect(await cache().store.get('empty')).toEqual(Buffer.alloc(0));
    expect(await cache().store.delete(['empty'])).toBe(1);
  });

  it('keeps a megabyte', async () => {
    const bytes = textOnly
      ? Buffer.from(randomBytes(MEBIBYTE / 2).toString('hex'))
      : randomBytes(MEBIBYTE);
    await cache().store.set('big', { bytes, ttlMs: HOUR });
    const found = await cache().store.get('big');
    expect(found?.equals(bytes)).toBe(true);
  });

  it.each(['null', '"quoted"', '{"v":1}', 'with\u0000nul and\r\nline ends', 'žluťoučký 🐎 kůň'])(
    'keeps the text %j as it is',
    async (text) => {
      await cache().store.set('text', { bytes: Buffer.from(text), ttlMs: HOUR });
      expect(String(await cache().store.get('text'))).toBe(text);
    },
  );

  if (!textOnly) {
    it('keeps every byte there is', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await cache().store.set('bytes', { bytes, ttlMs: HOUR });
      expect(await cache().store.get('bytes')).toEqual(bytes);
    });
  }

  it('a buffer handed out stays as it is when the key is set again or deleted', async () => {
    await cache().store.set('kept', { bytes: Buffer.from('first'), ttlMs: HOUR });
    const handedOut = await cache().store.get('kept');
    await cache().store.set('kept', { bytes: Buffer.from('SECOND'), ttlMs: HOUR });
    expect(handedOut).toEqual(Buffer.from('first'));
    await cache().store.delete(['kept']);
    expect(handedOut).toEqual(Buffer.from('first'));
  });

  it('leaves a buffer that was handed in alone', async () => {
    const handedIn = Buffer.from('value');
    await cache().store.set('key', { bytes: handedIn, ttlMs: HOUR });
    await cache().store.delete(['key']);
    expect(handedIn).toEqual(Buffer.from('value'));
  });
}
