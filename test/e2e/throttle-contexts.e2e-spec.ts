import type { DynamicModule } from '@nestjs/common';
import { Field, GraphQLModule, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { Throttle, ThrottlerModule } from '@nestjs/throttler';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import {
  RateLimit,
  ThrottleModule,
  type ThrottleOptions,
} from '../../src/modules/throttle/index.js';
import { listen, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

const started: TestApp[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

@ObjectType()
class Cat {
  @Field(() => String)
  name = 'Tom';
}

@Resolver(() => Cat)
class CatsResolver {
  @RateLimit({ limit: 2, window: '1m' })
  @Query(() => Cat)
  cat(): Cat {
    return new Cat();
  }

  @Throttle({ default: { limit: 1, ttl: 60_000 } })
  @Query(() => String, { nullable: true })
  rare(): string {
    return 'rare';
  }

  @Query(() => String, { nullable: true })
  plain(): string {
    return 'plain';
  }

  @ResolveField(() => String)
  sound(): string {
    return 'meow';
  }
}

const MERCURIUS: MercuriusDriverConfig = { driver: MercuriusDriver, autoSchemaFile: true };

interface GraphQLBody {
  readonly data: unknown;
  readonly errors?: readonly unknown[];
}

describe('limits of GraphQL, with Mercurius', () => {
  async function serve(throttle: ThrottleOptions, ...others: DynamicModule[]): Promise<string> {
    const app = await startApp('fastify', {
      imports: [GraphQLModule.forRoot(MERCURIUS), ThrottleModule.forRoot(throttle), ...others],
      providers: [CatsResolver],
    });
    started.push(app);
    return app.url;
  }

  async function ask(url: string, query: string) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return { headers: response.headers, body: (await response.json()) as GraphQLBody };
  }

  const refusalOf = (field: string, limit: number) => ({
    message: `Too many requests. Limit: ${limit}/min`,
    locations: [expect.anything()],
    path: [field],
    extensions: { code: 'E_RATE_LIMITED', status: 429, retry_after: 60 },
  });

  it('refuse a field with an error that says for how long, and answer the others', async () => {
    const url = await serve({}, ThrottlerModule.forRoot([{ limit: 5, ttl: 60_000 }]));
    const first = await ask(url, '{ cat { name sound } rare }');
    expect(first.body).toEqual({ data: { cat: { name: 'Tom', sound: 'meow' }, rare: 'rare' } });
    const second = await ask(url, '{ cat { name } rare }');
    expect(second.body).toEqual({
      data: { cat: { name: 'Tom' }, rare: null },
      errors: [refusalOf('rare', 1)],
    });
    expect(second.headers.get('retry-after')).toBe('60');
  });

  it('tell in headers how every limit of the operation stands, and not of fields of its answer', async () => {
    const url = await serve({}, ThrottlerModule.forRoot([{ limit: 5, ttl: 60_000 }]));
    const { headers } = await ask(url, '{ cat { name sound } rare }');
    expect(headers.get('ratelimit')).toBe(
      '"@graphql CatsResolver.cat";r=1;t=60, "@throttler default graphql CatsResolver.cat";r=4;t=60, ' +
        '"@throttler default graphql CatsResolver.rare";r=0;t=60',
    );
    expect(headers.get('x-ratelimit-remaining')).toBe('0');
  });

  it('count a field that is asked for three times in one operation three times', async () => {
    const url = await serve({});
    const { body } = await ask(url, '{ a: cat { name } b: cat { name } c: cat { name } }');
    expect(body.errors).toEqual([refusalOf('c', 2)]);
  });

  it('are those of the default where a field has none of its own', async () => {
    const url = await serve({ default: { limit: 2, window: '1m' } });
    const { body, headers } = await ask(url, '{ a: plain b: rare c: plain cat { name } }');
    expect(body).toEqual({
      data: { a: 'plain', b: 'rare', c: null, cat: { name: 'Tom' } },
      errors: [refusalOf('c', 2)],
    });
    expect(headers.get('ratelimit-policy')).toContain('"default";q=2;w=60');
  });
});

@WebSocketGateway()
class CatsGateway {
  @RateLimit({ limit: 1, window: '1m' })
  @SubscribeMessage('own')
  own(): object {
    return { event: 'own', data: 'hello' };
  }

  @SubscribeMessage('plain')
  plain(): object {
    return { event: 'plain', data: 'hello' };
  }
}

describe('limits of messages, with ws', () => {
  async function serve(throttle: ThrottleOptions): Promise<string> {
    const module = await Test.createTestingModule({
      imports: [ThrottleModule.forRoot(throttle)],
      providers: [CatsGateway],
    }).compile();
    const app = module.createNestApplication(new FastifyAdapter(), { logger: false });
    const server = await listen(app.useWebSocketAdapter(new WsAdapter(app)));
    started.push(server);
    return server.url.replace('http', 'ws');
  }

  /** What comes back to so many messages; answers may overtake each other. */
  async function talk(url: string, events: readonly string[]): Promise<readonly unknown[]> {
    const client = new WebSocket(url);
    const said: unknown[] = [];
    client.on('message', (message) => said.push(JSON.parse(String(message))));
    client.once('open', () => {
      for (const event of events) client.send(JSON.stringify({ event, data: {} }));
    });
    try {
      await eventually(() => expect(said).toHaveLength(events.length));
    } finally {
      client.terminate();
    }
    return said;
  }

  const hello = (event: string) => ({ event, data: 'hello' });
  const refusal = (limit: number) => ({
    event: 'exception',
    data: {
      status: 'error',
      error: 'Rate limit exceeded',
      message: `Too many requests. Limit: ${limit}/min`,
      retry_after: 60,
    },
  });

  it('of their own refuse one too many with an exception, and leave the others alone', async () => {
    const url = await serve({});
    const said = await talk(url, ['own', 'own', 'plain']);
    expect(said).toEqual(expect.arrayContaining([hello('own'), hello('plain'), refusal(1)]));
  });

  it('are those of the default where a message has none, on all connections of a client', async () => {
    const url = await serve({ default: { limit: 2, window: '1m' } });
    await expect(talk(url, ['plain'])).resolves.toEqual([hello('plain')]);
    const said = await talk(url, ['plain', 'plain', 'own']);
    expect(said).toEqual(expect.arrayContaining([hello('plain'), hello('own'), refusal(2)]));
  });
});
