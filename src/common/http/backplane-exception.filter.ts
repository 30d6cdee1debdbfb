import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  HttpStatus,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { currentRequest } from '../context/index.js';
import { BackplaneError, type ErrorCode, errorKind, type ErrorKind } from '../errors/index.js';
import { toSeconds } from '../time/index.js';

/** Every error answer of the server that is not specified otherwise. */
export interface ErrorBody {
  readonly error: string;
  readonly message: string;
  readonly code: ErrorCode;
  readonly request_id: string | undefined;
}

/**
 * The one place where what went wrong becomes HTTP; modules say the kind, or name the code by it.
 */
const STATUS_OF_KIND: Readonly<Record<ErrorKind, HttpStatus>> = {
  invalid: HttpStatus.BAD_REQUEST,
  absent: HttpStatus.NOT_FOUND,
  conflict: HttpStatus.CONFLICT,
  unavailable: HttpStatus.SERVICE_UNAVAILABLE,
  exhausted: HttpStatus.TOO_MANY_REQUESTS,
  internal: HttpStatus.INTERNAL_SERVER_ERROR,
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Answers every error in one shape: `{ error, message, code, request_id }`. What is inside the
 * server (stacks, host names, causes) goes to the log and never to the client.
 *
 * An `HttpException` with a body of its own keeps it. A `BackplaneError` that becomes a 4xx is
 * logged as a warning: its cause may as well be the code that called us as the client's input.
 */
@Catch()
@Injectable()
export class BackplaneExceptionFilter implements ExceptionFilter {
  readonly #logger = new Logger(BackplaneExceptionFilter.name);

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void | Promise<void> {
    if (host.getType() !== 'http') throw error;
    const response: unknown = host.switchToHttp().getResponse();
    const answer = answerTo(error);
    this.#log(error, answer.status);
    const { httpAdapter } = this.host;
    const retryAfterMs = error instanceof BackplaneError ? error.retryAfterMs : undefined;
    if (retryAfterMs !== undefined && !httpAdapter.isHeadersSent(response)) {
      httpAdapter.setHeader(response, 'Retry-After', String(toSeconds(retryAfterMs)));
    }
    // Too late for a status: a stream that failed half-way can only be ended.
    if (httpAdapter.isHeadersSent(response)) httpAdapter.end(response);
    else httpAdapter.reply(response, answer.body, answer.status);
  }

  #log(error: unknown, status: number): void {
    if (status >= 500) {
      this.#logger.error(error instanceof Error ? error : String(error));
    } else if (error instanceof BackplaneError) {
      this.#logger.warn({ msg: error.message, code: error.code, status });
    }
  }
}

function answerTo(error: unknown): Answer {
  if (error instanceof HttpException) return answerToHttp(error);
  if (error instanceof BackplaneError) {
    const kind = errorKind(error);
    if (kind === 'internal') return internalError();
    return answer(STATUS_OF_KIND[kind], error.message, error.code);
  }
  return answerToServer(error) ?? internalError();
}

function answerToHttp(error: HttpException): Answer {
  const status = error.getStatus();
  const body = error.getResponse();
  const isOwnBody = typeof body === 'object' && !('statusCode' in body);
  return isOwnBody ? { status, body } : answer(status, messageOf(body, error), codeOf(status));
}

/** Validation pipes put a list of messages where others put one. */
function messageOf(body: string | object, error: HttpException): string {
  const message: unknown = typeof body === 'object' ? Reflect.get(body, 'message') : body;
  return Array.isArray(message) ? message.join('; ') : String(message ?? error.message);
}

/** Body parsers of Express and Fastify throw errors with a status: malformed JSON, too large, … */
function answerToServer(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || !isOfServer(error)) return undefined;
  const statusCode: unknown = Reflect.get(error, 'statusCode');
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  const isSecret = Reflect.get(error, 'expose') === false;
  return answer(statusCode, isSecret ? wordsOf(statusCode) : error.message, codeOf(statusCode));
}

/** HTTP clients put a `statusCode` on their errors too, of another server and naming its host. */
function isOfServer(error: Error): boolean {
  const code: unknown = Reflect.get(error, 'code');
  const isFastify = typeof code === 'string' && code.startsWith('FST_');
  return isFastify || typeof Reflect.get(error, 'expose') === 'boolean'; // http-errors, in Express
}

function internalError(): Answer {
  const message = 'The server could not answer. Its log has the reason under this request id.';
  return answer(HttpStatus.INTERNAL_SERVER_ERROR, message, 'E_INTERNAL');
}

function answer(status: number, message: string, code: ErrorCode): Answer {
  const body: ErrorBody = {
    error: wordsOf(status),
    message,
    code,
    request_id: currentRequest()?.requestId,
  };
  return { status, body };
}

/** `PAYLOAD_TOO_LARGE` → `Payload too large`. */
function wordsOf(status: number): string {
  const words = (HttpStatus[status] ?? 'ERROR').toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function codeOf(status: number): ErrorCode {
  return `E_${HttpStatus[status] ?? `HTTP_${status}`}`;
}
