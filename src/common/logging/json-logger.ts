import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Level, type Logger, pino } from 'pino';
import { currentRequest } from '../context/index.js';

export interface JsonLoggerOptions {
  /** @default 'info' */
  readonly level?: Level | 'silent';
  /** Contexts whose information is written at level `debug`, such as Nest's `RouterExplorer`. */
  readonly quietContexts?: readonly string[];
  /** Where the lines go: a file, or a pretty printer for a terminal. @default standard output */
  readonly destination?: DestinationStream;
}

/**
 * Nest's logger as JSON lines (pino). Lines written while a request is answered carry its
 * `request_id`, wherever they come from.
 */
export class JsonLogger implements LoggerService {
  readonly #pino: Logger;
  readonly #quiet: ReadonlySet<unknown>;

  constructor(options: JsonLoggerOptions = {}) {
    this.#quiet = new Set(options.quietContexts);
    this.#pino = pino(
      {
        level: options.level ?? 'info',
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        mixin: requestFields,
      },
      options.destination ?? pino.destination(1),
    );
  }

  log(message: unknown, ...rest: readonly unknown[]): void {
    this.#write(this.#quiet.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('fatal', message, rest);
  }

  /** Nest passes the context last and, for errors, the stack before it. */
  #write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    const fields = { ...(context === undefined ? {} : { context }), ...(stack ? { stack } : {}) };
    if (message instanceof Error) this.#pino[level]({ ...fields, err: message }, message.message);
    else if (typeof message === 'object') this.#pino[level]({ ...fields, ...message });
    else this.#pino[level](fields, String(message));
  }
}

function requestFields(): object {
  const request = currentRequest();
  return request === undefined ? {} : { request_id: request.requestId };
}
