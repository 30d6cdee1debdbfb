import { BackplaneError } from '../../common/errors/index.js';

/** Redis is away and the policy says `onRedisDown: 'closed'`: nothing was counted or admitted. */
export class ThrottleBackendDownError extends BackplaneError {
  readonly code = 'E_THROTTLE_BACKEND_DOWN';

  constructor(readonly policy: string) {
    super(
      `The limit "${policy}" cannot be checked while Redis is away, and it is closed then. ` +
        `Set onRedisDown to "memory" or "open" to go on without it.`,
    );
  }
}
