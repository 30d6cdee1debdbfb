import { BackplaneError } from '../../common/errors/index.js';

/**
 * Redis gave no answer, and the option `onRedisDown` lets nothing else answer: nothing was read or
 * changed for certain.
 */
export class SessionBackendDownError extends BackplaneError {
  readonly code = 'E_SESSION_BACKEND_DOWN';

  constructor(options?: { readonly cause?: unknown }) {
    super('Sessions cannot be read or changed while their store is away. Try again soon.', options);
  }
}

/** The packed data or device is larger than a session may hold; nothing was stored. */
export class SessionTooLargeError extends BackplaneError {
  readonly code = 'E_SESSION_TOO_LARGE';

  constructor(
    readonly part: 'data' | 'device',
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `The ${part} of the session comes to ${bytes} bytes; at most ${maxBytes} are stored. Store less` +
        (part === 'data' ? ', or raise the option maxDataBytes.' : '.'),
    );
  }
}

/** Others changed the session again and again while `update` tried; nothing was stored. */
export class SessionConflictError extends BackplaneError {
  readonly code = 'E_SESSION_CONFLICT';

  constructor(
    readonly id: string,
    readonly attempts: number,
  ) {
    super(`The session "${id}" was changed by others in each of ${attempts} attempts. Try again.`);
  }
}

/** `put` was given the id of a session that a client holds a cookie for; nothing was stored. */
export class SessionIdTakenError extends BackplaneError {
  readonly code = 'E_SESSION_ID_TAKEN';

  constructor(readonly id: string) {
    super(`The id "${id}" belongs to another session. Choose another id.`);
  }
}
