import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
const CALLERS = Array.from({ length: 50 }, (_, caller) => caller);

/** Fifty callers at once. */
export function parallelSuite({ open }: ByteStoreSubject): void {
  const cache = useByteStore(open);

  it('50 parallel callers get what they stored, each its own', async () => {
    const found = await Promise.all(
      CALLERS.map(async (caller) => {
        await cache().store.set(`own:${caller}`, {
          bytes: Buffer.from(`value ${caller}`),
          ttlMs: HOUR,
        });
        return String(await cache().store.get(`own:${caller}`));
      }),
    );
    expect(found).toEqual(CALLERS.map((caller) => `value ${caller}`));
  });

  it('50 parallel sets of one key leave one of the values whole', async () => {
    const values = CALLERS.map((caller) => String(caller).repeat(1_000 + caller));
    await Promise.all(
      values.map((value) =>
        cache().store.set('shared', { bytes: Buffer.from(value), ttlMs: HOUR }),
      ),
    );
    expect(values).toContain(String(await cache().store.get('shared')));
  });

  it('50 parallel deletes of one key count it once', async () => {
    await cache().store.set('shared', { bytes: Buffer.from('value'), ttlMs: HOUR });
    const counts = await Promise.all(CALLERS.map(() => cache().store.delete(['shared'])));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  it('parallel deletes by pattern count each key once', async () => {
    await Promise.all(
      CALLERS.map((caller) =>
        cache().store.set(`key:${caller}`, { bytes: Buffer.from('value'), ttlMs: HOUR }),
      ),
    );
    const counts = await Promise.all(
      CALLERS.slice(0, 10).map(() => cache().store.deleteMatching('key:*')),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(CALLERS.length);
  });
}
