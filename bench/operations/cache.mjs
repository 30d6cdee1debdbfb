import assert from 'node:assert/strict';
import { PAYLOAD } from '../settings.mjs';

const KEY = 'products';
const TAG = 'catalogue';

/**
 * Looks a value up that is there.
 *
 * - `set(key, value)`, `get(key)`, `remove(key)`: as the package's documentation shows them
 */
export function lookUpOperation({ set, get, remove }) {
  return {
    async prove() {
      await set('proof', PAYLOAD);
      assert.deepEqual(await get('proof'), PAYLOAD, 'what was stored is not found');
      await remove('proof');
      assert.equal((await get('proof')) ?? undefined, undefined, 'what was removed is found');
      await set(KEY, PAYLOAD);
      assert.notEqual(await get(KEY), await get(KEY), 'two callers got the same object');
    },
    async operate() {
      const found = await get(KEY);
      if (found?.page !== PAYLOAD.page) throw new Error('what was stored is not found');
    },
  };
}

/**
 * Outdates everything with a tag, of which there are many entries.
 *
 * - `fill(tag, entries)`: stores that many with the tag; `some(count)`: the keys of some of them
 * - `invalidate(tag)`, `get(key)`
 */
export function invalidateTagOperation({ fill, some, invalidate, get }) {
  let isFilled = false;
  return {
    async prove() {
      if (!isFilled) {
        await fill(TAG);
        isFilled = true;
        for (const key of some()) assert.notEqual(await get(key), undefined, `${key} is not there`);
      }
      await invalidate(TAG);
      for (const key of some()) {
        assert.equal(await get(key), undefined, `${key} outlived its tag`);
      }
    },
    operate: () => invalidate(TAG),
  };
}
