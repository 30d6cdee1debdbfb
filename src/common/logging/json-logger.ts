import { types } from 'node:util';
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
 * `request_id`, wherever they come from. An error is written with its stack and causes as `err`,
 * other values that came with a message as `details`.
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

  #write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const { context, stack, details } = sort(rest);
    const error = [message, ...details].find(isError);
    const others = details.filter((detail) => detail !== error);
    const fields = {
      ...(context === undefined ? {} : { context }),
      ...(stack === undefined ? {} : { stack }),
      ...(error === undefined ? {} : { err: error }),
      ...(others.length === 0 ? {} : { details: others }),
    };
    if (isError(message)) this.#pino[level](fields, message.message);
    else if (typeof message === 'object') this.#pino[level]({ ...fields, ...message });
    else this.#pino[level](fields, String(message));
  }
}

interface Rest {
  readonly context: string | undefined;
  readonly stack: string | undefined;
  readonly details: readonly unknown[];
}

/** What the text of `error.stack` has in its second line. */
const STACK = /\n\s+at /;

/** Nest passes the context last, and before it a stack or whatever the caller likes. */
function sort(rest: readonly unknown[]): Rest {
  const details = rest.filter((value) => value !== undefined);
  const stack = takeText(details, details.findIndex(isStack));
  const context = takeText(details, details.length - 1);
  return { context, stack, details };
}

function takeText(values: unknown[], index: number): string | undefined {
  const value = values[index];
  if (typeof value !== 'string') return undefined;
  values.splice(index, 1);
  return value;
}

function isStack(value: unknown): boolean {
  return typeof value === 'string' && STACK.test(value);
}

/** An error of Node's own may come from another realm than this code. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function requestFields(): object {
  const request = currentRequest();
  return request === undefined ? {} : { request_id: request.requestId };
}
