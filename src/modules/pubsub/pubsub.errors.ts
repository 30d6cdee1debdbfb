import { BackplaneError } from '../../common/errors/index.js';

/**
 * Redis is away and the policy does not cover it. Handlers in this process got the event; other
 * processes did not, or it is unknown where Redis took it and only its answer was lost. Publishing
 * again makes a new event, which handlers in this process get as well.
 */
export class PubSubBackendDownError extends BackplaneError {
  readonly code = 'E_PUBSUB_BACKEND_DOWN';

  constructor(
    readonly channel: string,
    readonly eventId: string,
    readonly reason: 'redis-away' | 'buffer-full',
  ) {
    super(
      reason === 'buffer-full'
        ? `The event was delivered in this process only: Redis is away and the buffer is full. ` +
            `Raise bufferSize, or maxMemoryBytes for large events.`
        : `The event was delivered in this process only: Redis is away. Publish again later, or set ` +
            `onRedisDown to "buffer" or "local".`,
    );
  }
}

/** The application is shutting down: no subscription is taken any more. */
export class PubSubClosedError extends BackplaneError {
  readonly code = 'E_PUBSUB_CLOSED';

  constructor() {
    super('Nothing can be subscribed to while the application shuts down.');
  }
}
