import { checkKeyText } from '../../common/redis/index.js';
import type { Topic } from './pubsub.receiver.js';

const SUBSCRIPTIONS = Symbol('PUBSUB_SUBSCRIPTIONS');

/**
 * Calls the method with `(payload, event)` for every event of the channel, or of all channels that
 * match the pattern (`*` any text, `?` one character), from the start of the application to its
 * shutdown. Stands on methods of any provider or controller, several times if need be. A
 * request-scoped provider gets an instance for each event.
 *
 * @example
 * @Subscribe('orders')
 * @Subscribe({ pattern: 'orders.*' })
 * onOrder(order: Order, event: PubSubEvent<Order>) {}
 * @throws InvalidOptionError at load time for an empty or too long channel or pattern
 */
export function Subscribe(topic: string | { readonly pattern: string }): MethodDecorator {
  const wanted: Topic =
    typeof topic === 'string'
      ? { channel: checkKeyText(topic, '@Subscribe.channel') }
      : { pattern: checkKeyText(topic.pattern, '@Subscribe.pattern') };
  return (_target, _key, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as object;
    Reflect.defineMetadata(SUBSCRIPTIONS, [...subscriptionsOf(method), wanted], method);
  };
}

/** What the decorators on a method say; empty where there are none. */
export function subscriptionsOf(method: object): readonly Topic[] {
  return (Reflect.getMetadata(SUBSCRIPTIONS, method) as readonly Topic[] | undefined) ?? [];
}
