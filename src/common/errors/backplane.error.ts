/** A stable, machine-readable error code; the part of an error that callers may switch on. */
export type ErrorCode = `E_${string}`;

/**
 * What an error means to the one who called, whatever the transport:
 *
 * - `invalid`: the call itself is wrong; repeating it does not help
 * - `absent`: what the call names is not there
 * - `conflict`: somebody else holds, or has taken, what the call is about
 * - `unavailable`: what is needed is away; later it may work
 * - `exhausted`: a limit is used up; later it will work
 * - `internal`: a fault of the server, of which callers are told nothing
 */
export type ErrorKind =
  'invalid' | 'absent' | 'conflict' | 'unavailable' | 'exhausted' | 'internal';

/**
 * Base class of every error this library throws on purpose.
 *
 * The message says what happened and what to do next. Nothing here knows HTTP: filters and guards
 * translate kinds to statuses.
 */
export abstract class BackplaneError extends Error {
  abstract readonly code: ErrorCode;

  /**
   * What it means to the one who called.
   * @default what the ending of `code` says, else `internal`
   */
  declare readonly kind?: ErrorKind;

  /** How long to wait until a repetition may succeed, where that is known. */
  declare readonly retryAfterMs?: number;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}
