import { randomBytes } from 'node:crypto';
import {
  type RedisClient,
  type RedisConnection,
  subscriberClient,
  SubscriptionLink,
} from '../../../common/redis/index.js';
import { LOCK } from '../lock.keys.js';

/** What is told on a channel. */
export interface LockChannelListener {
  /** A lock was handed over to the waiter with this token. */
  handedOver(token: string): void;
  /** What was told before this may not have arrived. */
  restored(): void;
}

/** How often the connection is asked for a sign of life. */
const HEARTBEAT_MS = 5_000;

const NAME_BYTES = 12;

/**
 * Where one process is told of locks that others handed over to it: one subscription for all locks,
 * made with the first waiter. A message that is lost costs little, because who waits also asks.
 */
export class LockChannel {
  /** Of this process alone. */
  readonly name: string;
  readonly #connection: RedisConnection;
  #receiving: Receiving | undefined;
  #isClosed = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    const random = randomBytes(NAME_BYTES).toString('base64url');
    this.name = `${connection.keys.root(LOCK)}handed-over:${random}`;
  }

  /** Subscribes, unless it did already. */
  listen(listener: LockChannelListener): void {
    if (this.#receiving !== undefined || this.#isClosed) return;
    this.#receiving = receive(this.#connection, this.name, listener);
  }

  /** Called by Nest. The connection itself is closed by whoever opened it. */
  onApplicationShutdown(): void {
    this.#isClosed = true;
    this.#receiving?.stop();
  }
}

interface Receiving {
  stop(): void;
}

function receive(
  connection: RedisConnection,
  name: string,
  listener: LockChannelListener,
): Receiving {
  const { client, isOurs } = subscriberClient(connection);
  const onMessage = (channel: string, token: string): void => {
    if (channel === name) listener.handedOver(token);
  };
  client.on('message', onMessage);
  const link = new SubscriptionLink(client, {
    heartbeatMs: HEARTBEAT_MS,
    resubscribe: () => void subscribe(client, name),
    restored: () => listener.restored(),
  });
  link.start();
  void subscribe(client, name).then((isSubscribed) => {
    if (isSubscribed) listener.restored();
    else link.lose();
  });
  return {
    stop: () => {
      link.stop();
      client.off('message', onMessage);
      if (isOurs) client.disconnect();
    },
  };
}

/**
 * A connection that failed is tried again by the link. A user that may not subscribe is told to
 * whoever runs the application: locks go on, but every hand-over from elsewhere is found late.
 */
async function subscribe(client: RedisClient, name: string): Promise<boolean> {
  try {
    await client.subscribe(name);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') {
      const [reason = ''] = error.message.split(' ', 1);
      const text = `Redis refuses the channel of locks (${reason}), so waiting for one is slow`;
      process.emitWarning(text, 'BackplaneLockWarning');
    }
    return false;
  }
}
