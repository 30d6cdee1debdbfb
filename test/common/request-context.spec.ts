import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Body,
  type CanActivate,
  Controller,
  ForbiddenException,
  Get,
  Global,
  Injectable,
  Module,
  Post,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  currentRequest,
  REQUEST_BUDGET_MS,
  RequestContextBinder,
} from '../../src/common/context/index.js';
import { CoreModule } from '../../src/common/core.module.js';
import { listen, PLATFORMS, startApp, type TestApp } from '../support/app.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

@Injectable()
class GuestGuard implements CanActivate {
  canActivate(): boolean {
    if (currentRequest()?.requestId === 'guest') throw new ForbiddenException();
    return true;
  }
}

@Controller('who')
@UseGuards(GuestGuard)
class WhoController {
  @Get()
  async get(): Promise<unknown> {
    const before = currentRequest()?.requestId;
    await delay(Math.random() * 10);
    const after = await new Promise((resolve) => {
      setImmediate(() => process.nextTick(() => resolve(currentRequest()?.requestId)));
    });
    return { before, after, budgetMs: currentRequest()?.redisBudget.remainingMs };
  }

  @Post()
  async post(@Body() body: { readonly name: string }): Promise<unknown> {
    const before = currentRequest()?.requestId;
    await delay(Math.random() * 10);
    return { before, after: currentRequest()?.requestId, name: body.name };
  }
}

describe.each(PLATFORMS)('the request context on %s', (platform) => {
  let server: TestApp;

  beforeAll(async () => {
    server = await startApp(platform, { imports: [CoreModule], controllers: [WhoController] });
  });

  afterAll(() => server.close());

  it.each([
    ['a', 'POST', 'order-17'],
    ['a long', 'GET', 'x'.repeat(128)],
    ['a strange', 'GET', 'A-1_b.c:d'],
  ])('takes over %s id that the client sent: %s', async (_kind, method, id) => {
    const response = await ask({ method, id });
    expect(response.headers.get('x-request-id')).toBe(id);
    await expect(response.json()).resolves.toMatchObject({ before: id, after: id });
  });

  it.each([
    ['nothing', undefined],
    ['nothing but a name', ''],
    ['too long an id', 'x'.repeat(129)],
    ['spaces', 'a b'],
    ['a tab', 'a\tb'],
    ['another script', 'é'],
  ])('makes an id of its own when the client sent %s', async (_what, id) => {
    const response = await ask({ id });
    const made = response.headers.get('x-request-id');
    expect(made).toMatch(UUID);
    await expect(response.json()).resolves.toMatchObject({ before: made, after: made });
  });

  it.each([
    ['a guard refuses', { id: 'guest' }, 403],
    ['no route answers', { id: 'lost', path: '/nowhere' }, 404],
    ['the body is malformed', { id: 'bad', method: 'POST', body: '{"name":' }, 400],
    ['the body is too large', { id: 'big', method: 'POST', body: `"${'x'.repeat(2e6)}"` }, 413],
  ])('answers the id also when %s', async (_what, asked, status) => {
    const response = await ask(asked);
    expect([response.status, response.headers.get('x-request-id')]).toEqual([status, asked.id]);
  });

  it('of concurrent requests does not mix', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `request-${index}`);
    const answers = await Promise.all(
      ids.map(async (id, index) => {
        const response = await ask({ id, method: index % 2 === 0 ? 'GET' : 'POST' });
        return response.json() as Promise<unknown>;
      }),
    );
    answers.forEach((answer, index) => {
      expect(answer).toMatchObject({ before: ids[index], after: ids[index] });
    });
  });

  it('is there for a body that comes long after the headers', async () => {
    await expect(postLate(server.url, 'late')).resolves.toEqual({
      before: 'late',
      after: 'late',
      name: 'late',
    });
  });

  it('has no end of its Redis budget where no Redis is configured', async () => {
    await expect((await ask({})).json()).resolves.toMatchObject({ budgetMs: null });
  });

  function ask(asked: {
    readonly id?: string | undefined;
    readonly method?: string;
    readonly path?: string;
    readonly body?: string;
  }): Promise<Response> {
    const { id, method = 'GET', path = '/who', body = JSON.stringify({ name: id }) } = asked;
    const headers = {
      'Content-Type': 'application/json',
      ...(id === undefined ? {} : { 'X-Request-Id': id }),
    };
    return fetch(`${server.url}${path}`, {
      method,
      headers,
      body: method === 'POST' ? body : null,
    });
  }
});

describe.each(PLATFORMS)('the Redis budget of a request on %s', (platform) => {
  it('is what the connection layer gives', async () => {
    const provider = { provide: REQUEST_BUDGET_MS, useValue: 40 };
    @Global()
    @Module({ providers: [provider], exports: [provider] })
    class BudgetModule {}
    await using server = await startApp(platform, {
      imports: [CoreModule, BudgetModule],
      controllers: [WhoController],
    });
    await expect((await fetch(`${server.url}/who`)).json()).resolves.toMatchObject({
      budgetMs: 40,
    });
  });
});

describe('the binder', () => {
  // What HTTP servers let through differs; these never reach them from a well-behaved client.
  it.each(['a\r\nSet-Cookie: b', 'a\nb', 'a\rb', 'a\0b', 'a\u2028b', 'a;b', '{}', '<b>'])(
    'never takes over %j, which could break a log line or a header',
    (asked) => {
      const answered = new Map<string, string>();
      const enter = hookOf((name, value) => answered.set(name, value));
      let bound: string | undefined;
      enter({ 'x-request-id': asked }, () => (bound = currentRequest()?.requestId));
      expect(bound).toMatch(UUID);
      expect(answered.get('X-Request-Id')).toBe(bound);
    },
  );

  it('leaves an application without HTTP alone, where there is no request', async () => {
    const app = await NestFactory.createApplicationContext(CoreModule, {
      logger: false,
      abortOnError: false,
    });
    expect(app.get(RequestContextBinder)).toBeDefined();
    expect(currentRequest()).toBeUndefined();
    await app.close();
  });

  it('enters the context again after a Fastify hook that went on outside of it', async () => {
    const waiting: (() => void)[] = [];
    const outside = setInterval(() => waiting.splice(0).forEach((goOn) => goOn()), 1);
    const metadata = { imports: [CoreModule], controllers: [WhoController] };
    const module = await Test.createTestingModule(metadata).compile();
    const adapter = new FastifyAdapter();
    const app = module.createNestApplication(adapter, { logger: false });
    await app.init();
    adapter.getInstance().addHook('onRequest', (_request, _reply, goOn) => {
      waiting.push(goOn);
    });
    await using server = await listen(app);
    const response = await fetch(`${server.url}/who`, { headers: { 'X-Request-Id': 'a' } });
    await expect(response.json()).resolves.toMatchObject({ before: 'a', after: 'a' });
    clearInterval(outside);
  });

  it.each(['goes on', 'fails'])('keeps the hook of the application, which %s', async (outcome) => {
    const seen: unknown[] = [];
    const adapter = new ExpressAdapter();
    adapter.setOnRequestHook((request, _response, done) => {
      seen.push(request.url);
      done(outcome === 'fails' ? new ForbiddenException() : undefined);
    });
    const metadata = { imports: [CoreModule], controllers: [WhoController] };
    const module = await Test.createTestingModule(metadata).compile();
    await using server = await listen(module.createNestApplication(adapter, { logger: false }));
    const response = await fetch(`${server.url}/who`, { headers: { 'X-Request-Id': 'a' } });
    expect(seen).toEqual(['/who']);
    expect(response.status).toBe(outcome === 'fails' ? 403 : 200);
    expect(response.headers.get('x-request-id')).toBe(outcome === 'fails' ? null : 'a');
  });
});

type Enter = (headers: Readonly<Record<string, string>>, next: () => void) => void;

/** The hook that the binder gives to Express, with a response that only takes headers. */
function hookOf(setHeader: (name: string, value: string) => void): Enter {
  let hook: ((request: object, response: object, next: () => void) => void) | undefined;
  const httpAdapter = {
    getType: () => 'express',
    setOnRequestHook: (given: typeof hook) => (hook = given),
  };
  const host = Object.assign(new HttpAdapterHost(), { httpAdapter });
  new RequestContextBinder(host, undefined).onModuleInit();
  return (headers, next) => hook?.({ headers }, { setHeader }, next);
}

/** Sends the body only after the server has seen the headers and asked for it. */
function postLate(url: string, id: string): Promise<unknown> {
  const headers = {
    'X-Request-Id': id,
    'Content-Type': 'application/json',
    Expect: '100-continue',
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/who`, { method: 'POST', headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(pieces).toString())));
    });
    request.on('continue', () => request.end(JSON.stringify({ name: id })));
    request.on('error', reject);
    request.flushHeaders();
  });
}
