/** What one writes without a library: https://github.com/redis/ioredis#pubsub, with JSON. */
import { Redis } from 'ioredis';
import { publishOperation } from '../operations/publish.mjs';
import { CHANNEL } from '../settings.mjs';

export async function create(redisUrl) {
  const publisher = new Redis(redisUrl);
  const subscriber = new Redis(redisUrl);
  return publishOperation(redisUrl, {
    publish: (event) => publisher.publish(CHANNEL, JSON.stringify(event)),
    async subscribe(handler) {
      subscriber.on('message', (_channel, message) => handler(JSON.parse(message)));
      await subscriber.subscribe(CHANNEL);
    },
  });
}
