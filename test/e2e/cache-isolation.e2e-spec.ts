import { get } from 'node:http';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  Param,
  Req,
  Res,
  UseInterceptors,
  Version,
  VersioningType,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { map } from 'rxjs';
import { type HttpRequest, type HttpResponse, setHeader } from '../../src/common/http/index.js';
import { CacheModule, CacheResponse } from '../../src/modules/cache/index.js';
import { listen, PLATFORMS, type Platform, type TestApp } from '../support/app.js';
import { CacheClient } from './cache-client.js';

class Account {
  constructor(
    readonly name: string,
    readonly password: string,
  ) {}
}

/** Goes by classes, as `ClassSerializerInterceptor` does. */
@Injectable()
class HidePasswords implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    const hide = (value: unknown) => (value instanceof Account ? { name: value.name } : value);
    return next
      .handle()
      .pipe(map((value: unknown) => (Array.isArray(value) ? value.map(hide) : hide(value))));
  }
}

@Injectable()
class Wrap implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data, type: typeof data })));
  }
}

class SignIn {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const id = request.headers['x-user'];
    if (id !== undefined) Object.assign(request, { user: { id } });
    return true;
  }
}

let runs = 0;

@Controller('items')
class ItemsController {
  @CacheResponse({ userAware: true })
  @Get('mine')
  mine(@Req() { user }: HttpRequest): object {
    return { secretOf: user ?? null };
  }

  @CacheResponse()
  @Get('search')
  search(@Req() { headers }: HttpRequest): object {
    return { run: (runs += 1), cookie: headers['cookie'] ?? null };
  }

  @CacheResponse()
  @Get('markup')
  markup(): object {
    return { html: '<b>&</b>', list: [1, 2] };
  }

  @CacheResponse({ key: ({ url }) => decodeURIComponent(url.split('?')[1] ?? '') })
  @Get('keyed')
  keyed(): object {
    return { run: (runs += 1) };
  }

  @CacheResponse({ key: 'k', userAware: true })
  @Get('keyed-mine')
  keyedMine(@Req() { user }: HttpRequest): object {
    return { secretOf: user };
  }

  @CacheResponse()
  @Get('too-big')
  bigint(): object {
    return { run: (runs += 1), big: 1n };
  }

  @CacheResponse()
  @Get(':id')
  one(@Param('id') id: string): object {
    return { id };
  }
}

@Controller('accounts')
@UseInterceptors(HidePasswords)
class AccountsController {
  @CacheResponse()
  @Get('one')
  one(): Account {
    return new Account(`run ${(runs += 1)}`, 'secret');
  }

  @CacheResponse()
  @Get('many')
  many(): unknown {
    return [{ run: (runs += 1) }, new Account('alice', 'secret')];
  }
}

/** Changes what it is given, as an interceptor may. */
@Injectable()
class Count implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    const add = (value: { seen?: number }) => Object.assign(value, { seen: (value.seen ?? 0) + 1 });
    return next.handle().pipe(map(add));
  }
}

@Controller('counted')
@UseInterceptors(Count)
class CountedController {
  @CacheResponse()
  @HttpCode(203)
  @Get()
  counted(@Res({ passthrough: true }) response: HttpResponse): object {
    setHeader(response, 'X-Own', 'a');
    return { run: (runs += 1) };
  }
}

@Controller('wrapped')
class WrappedController {
  @UseInterceptors(Wrap)
  @CacheResponse()
  @Get('outside')
  outside(): object {
    return { run: (runs += 1), at: new Date(0) };
  }

  @CacheResponse()
  @UseInterceptors(Wrap)
  @Get('inside')
  inside(): object {
    return { run: (runs += 1), at: new Date(0) };
  }
}

@Controller('versions')
class VersionsController {
  @CacheResponse()
  @Version('1')
  @Get()
  first(): object {
    return { version: 1 };
  }

  @CacheResponse()
  @Version('2')
  @Get()
  second(): object {
    return { version: 2 };
  }
}

/** With the bytes of the path as given: `fetch` would escape some. */
function bodyOfRawPath(url: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const request = get({ hostname, port, path }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => resolve(body));
    });
    request.on('error', reject);
  });
}

async function start(
  platform: Platform,
  adjust: (app: INestApplication) => void = () => undefined,
): Promise<TestApp> {
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot()],
    controllers: [
      ItemsController,
      AccountsController,
      CountedController,
      WrappedController,
      VersionsController,
    ],
    providers: [{ provide: APP_GUARD, useClass: SignIn }],
  }).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = module.createNestApplication(adapter, { logger: false });
  app.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' });
  adjust(app);
  return listen(app);
}

describe.each(PLATFORMS)('@CacheResponse on %s', (platform) => {
  let server: TestApp;
  let client: CacheClient;
  const v1 = { 'x-version': '1' };

  beforeAll(async () => {
    server = await start(platform);
    client = new CacheClient(server.url);
  });

  afterAll(() => server.close());

  it.each(['/items/mine|user=alice', '/items/mine%7Cuser=alice', '/items/mine||user=alice'])(
    'the path %s does not reach the entry of a user',
    async (path) => {
      await client.get('/items/mine', { ...v1, 'x-user': 'alice' });
      expect(await bodyOfRawPath(server.url, path)).not.toContain('secretOf');
    },
  );

  it('a key made from what the client sends does not reach the entry of a user', async () => {
    await client.get('/items/keyed-mine', { ...v1, 'x-user': 'alice' });
    const { body } = await client.get('/items/keyed?k%7Cuser=alice', v1);
    expect(body).not.toContain('secretOf');
  });

  it.each(['Cookie', 'X-Api-Key', 'Authorization'])(
    'a request with %s bypasses a route that does not say for whom it is',
    async (header) => {
      const first = await client.get('/items/search', { ...v1, [header]: 'sid=alice' });
      const second = await client.get('/items/search', v1);
      expect([first.cache, second.cache === 'BYPASS']).toEqual(['BYPASS', false]);
      expect(second.body).not.toContain('alice');
    },
  );

  it.each(['/accounts/one', '/accounts/many'])(
    'what an interceptor around the cache hides in %s stays hidden, uncached',
    async (path) => {
      const answers = [await client.get(path, v1), await client.get(path, v1)];
      expect(answers.map(({ cache }) => cache)).toEqual(['MISS', 'MISS']);
      for (const { body } of answers) expect(body).not.toContain('secret');
      expect(answers[0]?.body).not.toBe(answers[1]?.body);
    },
  );

  it.each(['outside', 'inside'])('an interceptor %s of the cache keeps working', async (side) => {
    const miss = await client.get(`/wrapped/${side}`, v1);
    const hit = await client.get(`/wrapped/${side}`, v1);
    expect([miss.cache, hit.cache]).toEqual(['MISS', 'HIT']);
    expect(hit.body).toBe(miss.body);
    expect(JSON.parse(hit.body)).toMatchObject({
      type: 'object',
      data: { at: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('an interceptor around the cache cannot change what is stored', async () => {
    const answers = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const response = await fetch(`${server.url}/counted`, { headers: v1 });
      const { seen } = (await response.json()) as { seen: number };
      const { status, headers } = response;
      answers.push([headers.get('x-cache'), status, headers.get('x-own'), seen]);
    }
    expect(answers).toEqual(['MISS', 'HIT', 'HIT'].map((state) => [state, 203, 'a', 1]));
  });

  it('handlers of different versions do not share an entry', async () => {
    for (const cache of ['MISS', 'HIT']) {
      for (const version of [1, 2]) {
        const answer = await client.get('/versions', { 'x-version': String(version) });
        expect([answer.cache, JSON.parse(answer.body)]).toEqual([cache, { version }]);
      }
    }
  });

  it('what cannot become JSON fails as it does without a cache', async () => {
    const first = await client.get('/items/too-big', v1);
    const second = await client.get('/items/too-big', v1);
    expect([first.status, second.status, second.cache]).toEqual([500, 500, 'MISS']);
  });
});

describe('@CacheResponse and how the platform makes JSON', () => {
  async function missAndHit(server: TestApp): Promise<readonly string[]> {
    const client = new CacheClient(server.url);
    const answers = [];
    for (const expected of ['MISS', 'HIT']) {
      const { cache, body, type } = await client.get('/items/markup', { 'x-version': '1' });
      expect([cache, type]).toEqual([expected, 'application/json; charset=utf-8']);
      answers.push(body);
    }
    return answers;
  }

  it('the `json …` settings of Express hold', async () => {
    await using server = await start('express', (app) => {
      const express = app.getHttpAdapter().getInstance() as {
        set(name: string, value: unknown): void;
      };
      express.set('json spaces', 1);
      express.set('json escape', true);
      express.set('json replacer', (key: string, value: unknown) => (key === '1' ? 'two' : value));
    });
    const [miss, hit] = await missAndHit(server);
    expect(hit).toBe(miss);
    const html = String.raw`\u003cb\u003e\u0026\u003c/b\u003e`;
    expect(miss).toBe(`{\n "html": "${html}",\n "list": [\n  1,\n  "two"\n ]\n}`);
  });

  it("Fastify's reply serializer holds", async () => {
    await using server = await start('fastify', (app) => {
      const fastify = app.getHttpAdapter().getInstance() as {
        setReplySerializer(serialize: (value: unknown) => string): void;
      };
      fastify.setReplySerializer((value) => JSON.stringify({ wrapped: value }));
    });
    const [miss, hit] = await missAndHit(server);
    expect(hit).toBe(miss);
    expect(JSON.parse(String(miss))).toEqual({ wrapped: { html: '<b>&</b>', list: [1, 2] } });
  });
});
