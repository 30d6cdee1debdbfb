import type { BackplaneOptions } from '../../src/backplane.options.js';

/**
 * The options with time for a busy machine, where an answer has to come from Redis and how soon is
 * not the subject: after a deadline that is meant for traffic, memory answers instead.
 */
export function patient(options: BackplaneOptions): BackplaneOptions {
  const { redis, cache, throttle, session, lock, pubsub, queue, health } = options;
  return {
    ...(redis && { redis: { ...redis, requestBudget: '10s', bootTimeout: '10s' } }),
    ...(cache && { cache: { ...cache, deadline: '5s' } }),
    ...(throttle && { throttle: { ...throttle, deadline: '5s' } }),
    ...(session && { session: { ...session, deadline: '5s' } }),
    ...(lock && { lock: { ...lock, deadline: '5s' } }),
    ...(pubsub && { pubsub: { ...pubsub, deadline: '5s' } }),
    ...(queue && { queue: { ...queue, deadline: '5s' } }),
    ...(health && { health: { ...health, deadline: '5s' } }),
  };
}
