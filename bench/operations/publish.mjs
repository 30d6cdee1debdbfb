import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { Arrivals } from './arrivals.mjs';

/**
 * Publishes an event and waits until the subscriber's handler has it, and until the publisher knows
 * that it was sent. Both are in one process; the event goes through Redis.
 *
 * - `publish(event)`
 * - `subscribe(handler)`: resolves when events arrive
 */
export async function publishOperation(redisUrl, { publish, subscribe }) {
  const arrivals = new Arrivals();
  await subscribe(arrivals.arrive);
  const operate = () => arrivals.roundTrip(publish);
  return {
    async prove() {
      const witness = await watch(redisUrl);
      const [message, { sent, got }] = await Promise.all([witness.message, operate()]);
      witness.end();
      assert.deepEqual(got, sent, 'the handler got something else');
      assert.ok(message.includes(JSON.stringify(sent)), 'Redis was sent something else');
    },
    operate,
  };
}

/** Anybody else at the same Redis. */
async function watch(redisUrl) {
  const client = new Redis(redisUrl);
  await client.psubscribe('*');
  const message = once(client, 'pmessage', { signal: AbortSignal.timeout(5_000) });
  return {
    message: message.then(([, , text]) => text),
    end: () => client.disconnect(),
  };
}
