import { EventStream } from '../../../src/common/events/index.js';
import type { BackplaneEvents, EventName } from '../../../src/common/events/index.js';
import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { SystemClock } from '../../../src/common/time/index.js';
import { Dispatcher } from '../../../src/modules/pubsub/dispatcher.js';
import { MemoryPubSubDriver } from '../../../src/modules/pubsub/drivers/memory-pubsub.driver.js';
import { RedisPubSubDriver } from '../../../src/modules/pubsub/drivers/redis-pubsub.driver.js';
import { RedisPubSubReceiver } from '../../../src/modules/pubsub/drivers/redis-pubsub.receiver.js';
import type { PubSubEvent, PubSubOptions } from '../../../src/modules/pubsub/index.js';
import { OnceGuard } from '../../../src/modules/pubsub/once-guard.js';
import { resolvePubSubOptions } from '../../../src/modules/pubsub/pubsub.options.js';
import { LocalReceiver } from '../../../src/modules/pubsub/pubsub.receiver.js';
import { PubSubService } from '../../../src/modules/pubsub/pubsub.service.js';
import { openRedis } from '../../support/connect.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';

/** One process with the module in it: the service on a driver and a receiver. */
export interface PubSubNode {
  readonly pubsub: PubSubService;
  readonly events: EventStream;
  /** `undefined` in memory. */
  readonly connection: RedisConnection | undefined;
  close(): void;
}

/** Opens a process; those with the same prefix share a backend, where there is one to share. */
export type OpenPubSub = (options?: PubSubOptions, prefix?: string) => Promise<PubSubNode>;

export interface PubSubSubject {
  readonly open: OpenPubSub;
  /** There is a backend that several processes share; memory is one process by nature. */
  readonly isShared: boolean;
}

/** Bounds that a busy test machine keeps. */
const PATIENT: PubSubOptions = { deadline: '5s' };

export const memorySubject: PubSubSubject = { open: openMemory, isShared: false };

async function openMemory(given: PubSubOptions = {}): Promise<PubSubNode> {
  const options = resolvePubSubOptions({ ...PATIENT, ...given });
  const events = new EventStream();
  const once = new OnceGuard();
  const dispatcher = new Dispatcher({ events, once, ...options });
  const driver = new MemoryPubSubDriver({
    clock: new SystemClock(),
    local: dispatcher,
    ...options,
  });
  const pubsub = new PubSubService(driver, new LocalReceiver(), dispatcher, options, events);
  return { pubsub, events, connection: undefined, close: () => pubsub.onModuleDestroy() };
}

/** Gives the surrounding suite a Redis of that kind. */
export function useRedisSubject(topology: 'standalone' | 'cluster'): PubSubSubject {
  const targetOf = useTarget(topology);
  const open: OpenPubSub = async (options, prefix = uniquePrefix()) => {
    const node = await openRedisNode(targetOf(), prefix, options);
    await assertTopology(node.connection.client('command'), topology);
    return node;
  };
  return { open, isShared: true };
}

function useTarget(topology: 'standalone' | 'cluster'): () => RedisTarget {
  if (topology === 'standalone') {
    const redis = useRedis('standalone');
    return () => ({ url: redis().url });
  }
  const redis = useRedis('cluster');
  return () => ({ cluster: redis().addresses });
}

/** A process on a Redis, without the failure policy. */
export async function openRedisNode(
  target: RedisTarget,
  prefix: string,
  given: PubSubOptions = {},
): Promise<PubSubNode & { readonly connection: RedisConnection }> {
  const options = resolvePubSubOptions({ ...PATIENT, ...given });
  const { connection, events, close } = await openRedis(target, { prefix });
  const once = new OnceGuard();
  const dispatcher = new Dispatcher({ events, once, ...options });
  const receiver = new RedisPubSubReceiver(connection, {
    deliverTo: (key, event) => dispatcher.deliverTo(key, event),
    events,
    heartbeatMs: options.heartbeatMs,
  });
  const driver = new RedisPubSubDriver(connection, { once, ...options });
  const pubsub = new PubSubService(driver, receiver, dispatcher, options, events);
  const closeAll = (): void => {
    pubsub.onModuleDestroy();
    close();
  };
  return { pubsub, events, connection, close: closeAll };
}

/** Opens processes for the tests of the surrounding suite, and closes them after each test. */
export function useNodes(subject: PubSubSubject): OpenPubSub {
  const opened: PubSubNode[] = [];
  afterEach(() => {
    for (const node of opened.splice(0)) node.close();
  });
  return async (options, prefix) => {
    const node = await subject.open(options, prefix);
    opened.push(node);
    return node;
  };
}

/** A handler that keeps what it gets. */
export function collector() {
  const received: PubSubEvent[] = [];
  const handler = (_payload: unknown, event: PubSubEvent): void => {
    received.push(event);
  };
  return { received, handler, payloads: () => received.map(({ payload }) => payload) };
}

/** Every event of that name from now on. */
export function logOf<K extends EventName>(events: EventStream, name: K): BackplaneEvents[K][] {
  const log: BackplaneEvents[K][] = [];
  events.on(name, (payload) => log.push(payload));
  return log;
}
