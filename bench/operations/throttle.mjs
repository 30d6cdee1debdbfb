import assert from 'node:assert/strict';
import { CLIENTS } from '../settings.mjs';

/**
 * One hit of a client, in memory: always the same one, or each time another of many.
 *
 * - `hit(client)`: resolves to whether it was admitted, under a limit that nobody reaches
 * - `hitScarce(client)`: the same under a limit of 3
 */
export function hitOperation(kind, { hit, hitScarce }) {
  let hits = 0;
  const nextClient = () => `client-${(hits += 1) % CLIENTS}`;
  return {
    async prove() {
      const client = `proof-${hits}-${Date.now()}`;
      const admitted = [];
      for (let count = 0; count < 5; count += 1) admitted.push(await hitScarce(client));
      assert.deepEqual(admitted, [true, true, true, false, false]);
    },
    async operate() {
      assert.ok(await hit(kind === 'hot' ? 'the-one' : nextClient()), 'the limit was reached');
    },
  };
}
