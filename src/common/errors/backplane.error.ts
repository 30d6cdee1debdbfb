/** A stable, machine-readable error code; the part of an error that callers may switch on. */
export type ErrorCode = `E_${string}`;

/**
 * Base class of every error this library throws on purpose.
 *
 * The message says what happened and what to do next. Nothing here knows HTTP: filters and guards
 * translate codes to statuses.
 */
export abstract class BackplaneError extends Error {
  abstract readonly code: ErrorCode;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}
