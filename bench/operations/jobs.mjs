import assert from 'node:assert/strict';
import { EVENT } from '../settings.mjs';
import { Arrivals } from './arrivals.mjs';

/**
 * Stores a job; nobody processes them.
 *
 * - `add(payload)`
 * - `count()`: how many jobs wait
 */
export function enqueueOperation({ add, count }) {
  return {
    async prove() {
      const before = await count();
      await add(EVENT);
      assert.equal(await count(), before + 1, 'the job is not in the queue');
    },
    operate: () => add(EVENT),
  };
}

/**
 * Stores a job and waits until its handler was called, and until the producer knows that it is
 * stored.
 *
 * - `add(payload)`
 * - `work(handler)`: calls the handler with the payload of each job; resolves when jobs arrive
 * - `completed()`: how many completed jobs are kept
 */
export async function processOperation({ add, work, completed }) {
  const arrivals = new Arrivals();
  await work(arrivals.arrive);
  const operate = () => arrivals.roundTrip(add);
  return {
    async prove() {
      const { sent, got } = await operate();
      assert.deepEqual(got, sent, 'the handler got something else');
      // Stored soon after the handler has returned.
      for (let tries = 0; (await completed()) === 0; tries += 1) {
        assert.ok(tries < 100, 'no job was completed');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    operate,
  };
}
