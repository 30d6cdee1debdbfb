import { PubSubModule, PubSubService } from '../../dist/modules/pubsub/index.js';
import { publishOperation } from '../operations/publish.mjs';
import { CHANNEL } from '../settings.mjs';
import { applicationContext } from './context.mjs';

export async function create(redisUrl) {
  const pubsub = (await applicationContext(redisUrl, PubSubModule.forRoot({}))).get(PubSubService);
  return publishOperation(redisUrl, {
    publish: (event) => pubsub.publish(CHANNEL, event),
    subscribe: (handler) => pubsub.subscribe(CHANNEL, handler),
  });
}
