import { EventEmitter } from 'node:events';
import { ModuleRef } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Test } from '@nestjs/testing';
import { ThrottlerModule } from '@nestjs/throttler';
import { WsException } from '@nestjs/websockets';
import { EMPTY, Subject } from 'rxjs';
import { CLOCK } from '../../../src/common/time/index.js';
import {
  RateLimit,
  RateLimitGuard,
  SkipRateLimit,
  ThrottleModule,
  type ThrottleOptions,
} from '../../../src/modules/throttle/index.js';
import { CallEndInterceptor } from '../../../src/modules/throttle/requests/call-end.interceptor.js';
import { FakeClock } from '../../../src/testing/index.js';

class Resolver {
  @RateLimit({ limit: 1, window: '1m' })
  login(): void {}

  @RateLimit({ limit: 2, window: '1h' })
  search(): void {}

  @RateLimit({ limit: 1, window: '1m', count: 'failures' })
  tried(): void {}

  @RateLimit({ limit: 1, window: '1m', strategy: 'concurrency' })
  held(): void {}

  @RateLimit({ limit: 2, window: '1m', strategy: 'concurrency' })
  pair(): void {}

  @SkipRateLimit()
  free(): void {}

  plain(): void {}
}

/** Not the handlers of the resolver, under the same names. */
class Gateway extends Resolver {}

type Handler = keyof Resolver;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((module) => module.close()));
});

async function startGuard(throttle: ThrottleOptions = {}, throttlers: object[] = []) {
  return (await startModule(throttle, throttlers)).get(RateLimitGuard);
}

async function startModule(throttle: ThrottleOptions, throttlers: object[] = []) {
  const theirs = throttlers.length > 0 ? [ThrottlerModule.forRoot(throttlers as never)] : [];
  const module = await Test.createTestingModule({
    imports: [...theirs, ThrottleModule.forRoot(throttle)],
  })
    .overrideProvider(CLOCK)
    .useValue(new FakeClock())
    .compile();
  await module.init();
  open.push(module);
  return module;
}

type ResponseHeaders = Record<string, string>;

/** A request over HTTP that an operation of GraphQL came with. */
function exchange(ip = '192.0.2.1') {
  const headers: ResponseHeaders = {};
  const req = { method: 'POST', url: '/graphql', headers: {}, ip };
  const res = { setHeader: (name: string, value: string) => (headers[name] = value) };
  return { req, res, headers };
}

type Exchanged = ReturnType<typeof exchange>;

function graphql(handler: Handler, context: object): ExecutionContextHost {
  const host = new ExecutionContextHost(
    [undefined, {}, context],
    Resolver,
    Resolver.prototype[handler],
  );
  host.setType('graphql');
  return host;
}

function ws(handler: Handler, client: object): ExecutionContextHost {
  const host = new ExecutionContextHost([client, {}, 'event'], Gateway, Gateway.prototype[handler]);
  host.setType('ws');
  return host;
}

/** How often in a row it is let through, at most four times. */
async function passes(guard: RateLimitGuard, next: () => ExecutionContextHost): Promise<number> {
  for (let count = 0; count < 4; count += 1) {
    const isAllowed = await guard.canActivate(next()).catch(() => false);
    if (!isAllowed) return count;
  }
  return 4;
}

/** Nobody waits for it; in memory it is done with the turn. */
function givenBack(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a guard that @UseGuards names, beside the global one', () => {
  class OwnGuard extends RateLimitGuard {}

  it.each([
    ['the same class', {}],
    ['a subclass', { guard: OwnGuard }],
  ])('counts nothing again where that is of %s', async (_which, given) => {
    const module = await startModule({ ...given, default: { limit: 1, window: '1m' } });
    const beside = await module.get(ModuleRef).create(RateLimitGuard);
    await expect(passes(beside, () => graphql('plain', exchange()))).resolves.toBe(4);
    await expect(
      passes(module.get(RateLimitGuard), () => graphql('plain', exchange())),
    ).resolves.toBe(1);
  });
});

describe('the seams of the guard', () => {
  it('are asked also where the class itself was changed', async () => {
    const guard = await startGuard();
    const shouldSkip = jest.fn(async () => true);
    const original: unknown = Reflect.get(RateLimitGuard.prototype, 'shouldSkip');
    Reflect.set(RateLimitGuard.prototype, 'shouldSkip', shouldSkip);
    try {
      await expect(passes(guard, () => graphql('plain', exchange()))).resolves.toBe(4);
    } finally {
      Reflect.set(RateLimitGuard.prototype, 'shouldSkip', original);
    }
    expect(shouldSkip).toHaveBeenCalledTimes(4);
  });
});

describe('resolvers of GraphQL', () => {
  it('all count where failures are to: the one answer of an operation does not tell', async () => {
    const guard = await startGuard();
    const { req, res } = exchange();
    const answer = Object.assign(new EventEmitter(), res, { statusCode: 200 });
    await expect(guard.canActivate(graphql('tried', { req, res: answer }))).resolves.toBe(true);
    answer.emit('finish');
    answer.emit('close');
    await expect(passes(guard, () => graphql('tried', exchange()))).resolves.toBe(0);
  });

  it('give a lease back once, and at once where the response was over before it was taken', async () => {
    const guard = await startGuard();
    const { req, res } = exchange();
    const answer = Object.assign(new EventEmitter(), res, { statusCode: 200 });
    const held = () => graphql('held', { req, res: answer });
    await expect(passes(guard, held)).resolves.toBe(1);
    answer.emit('finish');
    answer.emit('close');
    await givenBack();
    await expect(guard.canActivate(held())).resolves.toBe(true);
    Object.assign(answer, { destroyed: true });
    answer.emit('close');
    for (let time = 0; time < 3; time += 1) {
      await givenBack();
      await expect(guard.canActivate(held())).resolves.toBe(true);
    }
  });

  it('hold the lease of a message until all is sent that its handler streams', async () => {
    const guard = await startGuard();
    const message = ws('held', {});
    await guard.canActivate(message);
    const streamed = new Subject<string>();
    new CallEndInterceptor().intercept(message, { handle: () => streamed }).subscribe();
    streamed.next('first');
    await expect(passes(guard, () => ws('held', {}))).resolves.toBe(0);
    streamed.complete();
    await givenBack();
    await expect(passes(guard, () => ws('held', {}))).resolves.toBe(1);
  });

  it('give no other lease back where both the handler and the response end', async () => {
    const guard = await startGuard();
    const { req, res } = exchange();
    const answer = Object.assign(new EventEmitter(), res, { statusCode: 200 });
    const first = graphql('pair', { req, res: answer });
    await guard.canActivate(first);
    await guard.canActivate(graphql('pair', exchange()));
    new CallEndInterceptor().intercept(first, { handle: () => EMPTY }).subscribe();
    answer.emit('finish');
    await givenBack();
    await expect(passes(guard, () => graphql('pair', exchange()))).resolves.toBe(1);
  });

  it.each([
    ['req and res', ({ req, res }: Exchanged) => ({ req, res })],
    ['request and reply', ({ req, res }: Exchanged) => ({ request: req, reply: res })],
    ['req of Express alone', ({ req, res }: Exchanged) => ({ req: { ...req, res } })],
    ['reply alone', ({ req, res }: Exchanged) => ({ reply: { ...res, request: req } })],
  ])('are limited by the client, and answer with headers: %s', async (_name, contextOf) => {
    const guard = await startGuard();
    const one = exchange();
    await expect(guard.canActivate(graphql('login', contextOf(one)))).resolves.toBe(true);
    expect(one.headers).toMatchObject({
      'X-RateLimit-Limit': '1',
      'RateLimit-Policy': '"@graphql Resolver.login";q=1;w=60',
    });
    const again = exchange();
    await expect(guard.canActivate(graphql('login', contextOf(again)))).rejects.toMatchObject({
      status: 429,
      extensions: { code: 'E_RATE_LIMITED', status: 429, retry_after: 60 },
    });
    expect(again.headers).toMatchObject({ 'Retry-After': '60' });
    await expect(
      passes(guard, () => graphql('login', contextOf(exchange('192.0.2.2')))),
    ).resolves.toBe(1);
  });

  it('each check their own limit, and tell of all in one answer', async () => {
    const guard = await startGuard();
    const { req, res, headers } = exchange();
    for (const handler of ['login', 'search', 'search'] as const) {
      await expect(guard.canActivate(graphql(handler, { req, res }))).resolves.toBe(true);
    }
    expect(headers['RateLimit']).toBe(
      '"@graphql Resolver.login";r=0;t=60, "@graphql Resolver.search";r=0;t=3600',
    );
    await expect(guard.canActivate(graphql('login', { req, res }))).rejects.toThrow();
    await expect(guard.canActivate(graphql('plain', { req, res }))).resolves.toBe(true);
    expect(headers).toMatchObject({ 'Retry-After': '60', 'X-RateLimit-Remaining': '0' });
  });

  it('count each for limits by pattern and for the default one', async () => {
    const guard = await startGuard({
      default: { limit: 1, window: '1m' },
      routes: [{ path: '/graphql', limit: 3, window: '1m' }],
    });
    await expect(passes(guard, () => graphql('plain', exchange()))).resolves.toBe(3);
    const elsewhere = { ...exchange(), req: { ...exchange().req, url: '/other' } };
    await expect(passes(guard, () => graphql('plain', elsewhere))).resolves.toBe(1);
    await expect(passes(guard, () => graphql('free', exchange()))).resolves.toBe(4);
  });

  it('are limited by throttlers as well', async () => {
    const guard = await startGuard({}, [{ limit: 2, ttl: 60_000 }]);
    await expect(passes(guard, () => graphql('plain', exchange()))).resolves.toBe(2);
  });

  it('know a subscription by the socket of its request', async () => {
    const guard = await startGuard();
    const subscription = (remoteAddress: string) => ({
      extra: {
        request: { method: 'GET', url: '/graphql', headers: {}, socket: { remoteAddress } },
      },
    });
    await expect(passes(guard, () => graphql('login', subscription('192.0.2.1')))).resolves.toBe(1);
    await expect(passes(guard, () => graphql('login', subscription('192.0.2.2')))).resolves.toBe(1);
  });

  it('count as one client where nothing is known of it', async () => {
    const guard = await startGuard();
    await expect(passes(guard, () => graphql('search', {}))).resolves.toBe(2);
    await expect(passes(guard, () => graphql('search', {}))).resolves.toBe(0);
  });

  it('take the request from where a subclass finds it', async () => {
    class OwnGuard extends RateLimitGuard {
      protected override getRequestResponse(context: ExecutionContextHost) {
        return { req: context.getArgByIndex(2).http, res: {} };
      }
    }
    const guard = await startGuard({ guard: OwnGuard });
    const own = (ip: string) => ({ http: exchange(ip).req });
    await expect(passes(guard, () => graphql('login', own('192.0.2.1')))).resolves.toBe(1);
    await expect(passes(guard, () => graphql('login', own('192.0.2.2')))).resolves.toBe(1);
  });
});

describe('messages to gateways', () => {
  const CLIENTS = [
    [
      'socket.io',
      (address: string) => ({ handshake: { address, headers: {}, url: '/socket.io/' } }),
    ],
    ['ws', (remoteAddress: string) => ({ _socket: { remoteAddress }, readyState: 1 })],
    [
      'an upgrade',
      (remoteAddress: string) => ({ upgradeReq: { headers: {}, socket: { remoteAddress } } }),
    ],
  ] as const;

  it.each(CLIENTS)('are limited by the address of the client: %s', async (_name, clientOf) => {
    const guard = await startGuard();
    await expect(passes(guard, () => ws('search', clientOf('192.0.2.1')))).resolves.toBe(2);
    await expect(passes(guard, () => ws('search', clientOf('192.0.2.2')))).resolves.toBe(2);
    await expect(passes(guard, () => ws('search', clientOf('2001:db8::1')))).resolves.toBe(2);
    await expect(passes(guard, () => ws('search', clientOf('2001:db8::2')))).resolves.toBe(0);
  });

  it('are refused with an exception event that says why', async () => {
    const guard = await startGuard();
    const client = CLIENTS[0][1]('192.0.2.1');
    await guard.canActivate(ws('login', client));
    const refusal = await guard.canActivate(ws('login', client)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(WsException);
    expect(refusal).toMatchObject({
      error: {
        status: 'error',
        error: 'Rate limit exceeded',
        message: 'Too many requests. Limit: 1/min',
        retry_after: 60,
      },
      cause: { status: 429 },
    });
  });

  it('have counters of their own, beside those of resolvers', async () => {
    const guard = await startGuard();
    await expect(passes(guard, () => graphql('login', exchange()))).resolves.toBe(1);
    await expect(
      passes(guard, () => ws('login', { _socket: { remoteAddress: '192.0.2.1' } })),
    ).resolves.toBe(1);
  });

  it('all count where failures are to, as nobody sees how a message ends', async () => {
    const guard = await startGuard();
    await expect(passes(guard, () => ws('tried', {}))).resolves.toBe(1);
  });

  it('have no route, so only the default limit and throttlers hold without a decorator', async () => {
    const guard = await startGuard(
      { default: { limit: 3, window: '1m' }, routes: [{ path: '/**', limit: 1, window: '1m' }] },
      [{ limit: 2, ttl: 60_000 }],
    );
    await expect(passes(guard, () => ws('plain', CLIENTS[0][1]('192.0.2.1')))).resolves.toBe(2);
  });

  it('count for the user that a guard of the gateway found', async () => {
    const guard = await startGuard({ default: { limit: 1, window: '1m', by: 'user' } });
    await expect(passes(guard, () => ws('plain', { data: { user: { id: 1 } } }))).resolves.toBe(1);
    await expect(passes(guard, () => ws('plain', { user: { id: 2 } }))).resolves.toBe(1);
  });
});

it('messages of microservices pass', async () => {
  const guard = await startGuard({ default: { limit: 1, window: '1m' } });
  const rpc = () => {
    const host = new ExecutionContextHost([{}], Resolver, Resolver.prototype.login);
    host.setType('rpc');
    return host;
  };
  await expect(passes(guard, rpc)).resolves.toBe(4);
});
