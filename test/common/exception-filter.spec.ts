import {
  type ArgumentsHost,
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpException,
  Logger,
  NotFoundException,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { ServerResponse } from 'node:http';
import { CoreModule } from '../../src/common/core.module.js';
import {
  BackplaneError,
  type ErrorCode,
  InvalidOptionError,
} from '../../src/common/errors/index.js';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { RedisUnavailableError } from '../../src/common/redis/index.js';
import { PLATFORMS, startApp, type TestApp } from '../support/app.js';

/**
 * What must never be in an answer: where our servers are, how to get in, what the code looks like.
 */
const SECRETS = 'redis://:hunter2@cache.internal:6379';
const LEAK = /hunter2|internal:|\.spec\.ts|node_modules|\n\s+at /;

const TOO_LARGE = `"${'x'.repeat(2_000_000)}"`;

class LampError extends BackplaneError {
  constructor(readonly code: ErrorCode) {
    super(`The lamp at ${SECRETS} is broken.`, { cause: new Error(SECRETS) });
  }
}

class KindlessError extends BackplaneError {
  constructor(readonly code: ErrorCode) {
    super('As the code says.');
  }
}

class TakenError extends BackplaneError {
  readonly code = 'E_LAMP_TAKEN';
  override readonly kind = 'conflict';

  constructor() {
    super('Somebody has it.');
  }
}

const INTERNAL = {
  error: 'Internal server error',
  message: 'The server could not answer. Its log has the reason under this request id.',
  code: 'E_INTERNAL',
};

interface Case {
  readonly thrown: unknown;
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

const CASES: Readonly<Record<string, Case>> = {
  'an HttpException': {
    thrown: new NotFoundException('There is no lamp 7.'),
    status: 404,
    body: { error: 'Not found', message: 'There is no lamp 7.', code: 'E_NOT_FOUND' },
  },
  'an HttpException with a text for a body': {
    thrown: new HttpException('No coffee.', 418),
    status: 418,
    body: { error: 'I am a teapot', message: 'No coffee.', code: 'E_I_AM_A_TEAPOT' },
  },
  'an HttpException without a message': {
    thrown: new BadRequestException(),
    status: 400,
    body: { error: 'Bad request', message: 'Bad Request', code: 'E_BAD_REQUEST' },
  },
  'what a validation pipe throws': {
    thrown: new BadRequestException(['name must be a text', 'age must be a number']),
    status: 400,
    body: {
      error: 'Bad request',
      message: 'name must be a text; age must be a number',
      code: 'E_BAD_REQUEST',
    },
  },
  'a status without a name': {
    thrown: new HttpException('Client went away.', 499),
    status: 499,
    body: { error: 'Error', message: 'Client went away.', code: 'E_HTTP_499' },
  },
  'a wrong argument': {
    thrown: new InvalidOptionError('key', 'must not be empty'),
    status: 400,
    body: {
      error: 'Bad request',
      message: 'Invalid option "key": must not be empty.',
      code: 'E_INVALID_OPTION',
    },
  },
  'Redis away': {
    thrown: new RedisUnavailableError('open', { cause: new Error(SECRETS) }),
    status: 503,
    body: {
      error: 'Service unavailable',
      message: 'Redis is not available (open); the failure policy of the module decides.',
      code: 'E_REDIS_UNAVAILABLE',
    },
  },
  ...Object.fromEntries(
    Object.entries({
      E_LOCK_BUSY: [409, 'Conflict'],
      E_LOCK_WAIT_TIMEOUT: [409, 'Conflict'],
      E_LOCK_LOST: [409, 'Conflict'],
      E_CACHE_VALUE_TOO_LARGE: [400, 'Bad request'],
      E_SESSION_TOO_LARGE: [400, 'Bad request'],
      E_THROTTLE_BACKEND_DOWN: [503, 'Service unavailable'],
      E_LOCK_BACKEND_DOWN: [503, 'Service unavailable'],
      E_SESSION_BACKEND_DOWN: [503, 'Service unavailable'],
      E_QUEUE_BACKEND_DOWN: [503, 'Service unavailable'],
      E_PUBSUB_BACKEND_DOWN: [503, 'Service unavailable'],
    } as const).map(([code, [status, error]]) => [
      code,
      {
        thrown: new KindlessError(code as ErrorCode),
        status,
        body: { error, message: 'As the code says.', code },
      },
    ]),
  ),
  'an error that says its kind itself': {
    thrown: new TakenError(),
    status: 409,
    body: { error: 'Conflict', message: 'Somebody has it.', code: 'E_LAMP_TAKEN' },
  },
  'an error of ours that is no fault of the client': {
    thrown: new LampError('E_LAMP_BROKEN'),
    status: 500,
    body: INTERNAL,
  },
  'an error of anybody': { thrown: new Error(SECRETS), status: 500, body: INTERNAL },
  'a text': { thrown: SECRETS, status: 500, body: INTERNAL },
  'an object': { thrown: { message: SECRETS, statusCode: 404 }, status: 500, body: INTERNAL },
  nothing: { thrown: undefined, status: 500, body: INTERNAL },
  'the answer of another server': {
    thrown: Object.assign(new Error(`403 from ${SECRETS}`), { statusCode: 403 }),
    status: 500,
    body: INTERNAL,
  },
  'an error that the HTTP server means for clients': {
    thrown: Object.assign(new Error('Range is wrong.'), { statusCode: 416, expose: true }),
    status: 416,
    body: {
      error: 'Requested range not satisfiable',
      message: 'Range is wrong.',
      code: 'E_REQUESTED_RANGE_NOT_SATISFIABLE',
    },
  },
  'an error that the HTTP server does not mean for clients': {
    thrown: Object.assign(new Error(`no file ${SECRETS}`), { statusCode: 404, expose: false }),
    status: 404,
    body: { error: 'Not found', message: 'Not found', code: 'E_NOT_FOUND' },
  },
};

@Controller()
class LampController {
  @Get('fail')
  fail(@Query('with') name: string): never {
    throw CASES[name]?.thrown;
  }

  @Get('own-body')
  ownBody(): never {
    throw new HttpException({ error: 'Too much', retry_after: 60 }, 429);
  }

  @Post('lamp')
  post(@Body() body: unknown): unknown {
    return body;
  }

  @Get('half')
  half(@Res() response: ServerResponse & { readonly raw?: ServerResponse }): never {
    (response.raw ?? response).write('half an answer');
    throw new Error(SECRETS);
  }
}

describe.each(PLATFORMS)('errors on %s', (platform) => {
  let server: TestApp;
  let logged: jest.SpyInstance;
  let warned: jest.SpyInstance;

  beforeAll(async () => {
    server = await startApp(platform, {
      imports: [CoreModule],
      controllers: [LampController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
  });

  afterAll(() => server.close());

  beforeEach(() => {
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  });

  afterEach(() => {
    logged.mockRestore();
    warned.mockRestore();
  });

  it.each(Object.entries(CASES))('answers %s in the common shape', async (name, expected) => {
    const response = await ask(`/fail?with=${encodeURIComponent(name)}`);
    const body = await response.text();
    expect(body).not.toMatch(LEAK);
    expect(response.status).toBe(expected.status);
    expect(JSON.parse(body)).toEqual({ ...expected.body, request_id: 'lamp-1' });
    expect(logged).toHaveBeenCalledTimes(expected.status >= 500 ? 1 : 0);
    const isOurs = expected.thrown instanceof BackplaneError;
    const { message: msg, code } = expected.body;
    const warnings =
      isOurs && expected.status < 500 ? [[{ msg, code, status: expected.status }]] : [];
    expect(warned.mock.calls).toEqual(warnings);
  });

  it('keeps a body that an HttpException has made itself', async () => {
    const response = await ask('/own-body');
    expect(response.status).toBe(429);
    await expect(response.json()).resolves.toEqual({ error: 'Too much', retry_after: 60 });
  });

  it.each([
    ['no route', { path: '/nowhere', body: null }, { status: 404, code: 'E_NOT_FOUND' }],
    ['malformed JSON', { path: '/lamp', body: '{"name":' }, { status: 400, code: 'E_BAD_REQUEST' }],
    [
      'a body too large',
      { path: '/lamp', body: TOO_LARGE },
      { status: 413, code: 'E_PAYLOAD_TOO_LARGE' },
    ],
  ])('answers %s in the common shape', async (_what, { path, body }, { status, code }) => {
    const response = await ask(path, body);
    const answer: unknown = await response.json();
    expect(response.status).toBe(status);
    expect(answer).toEqual({
      error: expect.any(String),
      message: expect.not.stringMatching(LEAK),
      code,
      request_id: 'lamp-1',
    });
  });

  it('ends an answer that failed half-way, and serves the next one', async () => {
    const read = ask('/half').then((response) => response.text());
    await expect(read).resolves.toBe('half an answer');
    expect(logged).toHaveBeenCalledTimes(1);
    await expect(ask('/own-body')).resolves.toMatchObject({ status: 429 });
  });

  function ask(path: string, body: string | null = null): Promise<Response> {
    const headers = { 'X-Request-Id': 'lamp-1', 'Content-Type': 'application/json' };
    return fetch(`${server.url}${path}`, { method: body === null ? 'GET' : 'POST', headers, body });
  }
});

describe('the exception filter outside of HTTP', () => {
  it('leaves errors to the transport that they came by', () => {
    const filter = new BackplaneExceptionFilter(new HttpAdapterHost());
    const host = { getType: () => 'rpc' } as unknown as ArgumentsHost;
    const error = new Error('of a message');
    expect(() => filter.catch(error, host)).toThrow(error);
  });
});
