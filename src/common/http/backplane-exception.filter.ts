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
import { BackplaneError, type ErrorCode } from '../errors/index.js';

/** Every error answer of the server that is not specified otherwise. */
export interface ErrorBody {
  readonly error: string;
  readonly message: string;
  readonly code: ErrorCode;
  readonly request_id: string | undefined;
}

/** Errors that are about the request or about now; every other one is a fault of the server. */
const STATUS_OF_CODE: Readonly<Partial<Record<ErrorCode, HttpStatus>>> = {
  E_INVALID_OPTION: HttpStatus.BAD_REQUEST,
  E_CODEC: HttpStatus.BAD_REQUEST,
  E_CACHE_VALUE_TOO_LARGE: HttpStatus.BAD_REQUEST,
  E_REDIS_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  E_THROTTLE_BACKEND_DOWN: HttpStatus.SERVICE_UNAVAILABLE,
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Answers every error in one shape: `{ error, message, code, request_id }`. What is inside the server
 * (stacks, host names, causes) goes to the log and never to the client.
 *
 * An `HttpException` with a body of its own keeps it.
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
    if (answer.status >= 500) this.#logger.error(error instanceof Error ? error : String(error));
    this.host.httpAdapter.reply(response, answer.body, answer.status);
  }
}

function answerTo(error: unknown): Answer {
  if (error instanceof HttpException) return answerToHttp(error);
  if (error instanceof BackplaneError) {
    const status = STATUS_OF_CODE[error.code] ?? HttpStatus.INTERNAL_SERVER_ERROR;
    return status === 500 ? internalError() : answer(status, error.message, error.code);
  }
  return answerToParser(error) ?? internalError();
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
function answerToParser(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  return answer(statusCode, error.message, codeOf(statusCode));
}

function internalError(): Answer {
  const message = 'The server could not answer. Its log has the reason under this request id.';
  return answer(HttpStatus.INTERNAL_SERVER_ERROR, message, 'E_INTERNAL');
}

function answer(status: number, message: string, code: ErrorCode): Answer {
  const words = (HttpStatus[status] ?? 'ERROR').toLowerCase().replaceAll('_', ' ');
  const body: ErrorBody = {
    error: words.charAt(0).toUpperCase() + words.slice(1),
    message,
    code,
    request_id: currentRequest()?.requestId,
  };
  return { status, body };
}

function codeOf(status: number): ErrorCode {
  return `E_${HttpStatus[status] ?? `HTTP_${status}`}`;
}
