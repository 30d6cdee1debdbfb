import { type CanActivate, type DynamicModule, UseGuards } from '@nestjs/common';
import {
  Args,
  Field,
  GraphQLModule,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { Throttle, ThrottlerModule } from '@nestjs/throttler';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import {
  RateLimit,
  ThrottleModule,
  type ThrottleOptions,
} from '../../src/modules/throttle/index.js';
import { listen, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

const started: TestApp[] = [];
/** Answers that the test gives. */
const pending: ((value: string) => void)[] = [];
const isPending = (): Promise<string> => new Promise((resolve) => pending.push(resolve));
const AT_ONCE = { limit: 1, window: '1h', strategy: 'concurrency' } as const;

class ClosedGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

afterEach(async () => {
  for (const answer of pending.splice(0)) answer('at last');
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

  @RateLimit({ ...AT_ONCE, name: 'held' })
  @Query(() => String, { nullable: true })
  async held(@Args('fails', { nullable: true }) fails?: boolean): Promise<string> {
    if (fails) throw new TypeError('a bug');
    return 'held';
  }

  @RateLimit({ ...AT_ONCE, name: 'held' })
  @UseGuards(ClosedGuard)
  @Query(() => String, { nullable: true })
  closed(): void {}

  @Query(() => String, { nullable: true })
  waiting(): Promise<string> {
    return isPending();
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

  describe('of how many there are at once', () => {
    const refused = {
      message: 'Too many requests. Limit: 1 at once',
      extensions: { code: 'E_RATE_LIMITED', status: 429, retry_after: 3_600 },
    };

    it('hold for the resolvers of an operation, and give back what each had', async () => {
      const url = await serve({});
      for (let time = 0; time < 2; time += 1) {
        const { body } = await ask(url, '{ a: held b: held }');
        expect(body).toMatchObject({ data: { a: 'held', b: null }, errors: [refused] });
      }
    });

    it('give back when the resolver is done, though its operation is not', async () => {
      const url = await serve({});
      const first = ask(url, '{ held waiting }');
      await eventually(() => pending.length === 1);
      await eventually(async () => {
        expect((await ask(url, '{ held }')).body).toEqual({ data: { held: 'held' } });
      });
      pending.splice(0)[0]?.('at last');
      expect((await first).body).toEqual({ data: { held: 'held', waiting: 'at last' } });
    });

    it.each(['{ held(fails: true) }', '{ closed }'])('give back what %s had', async (query) => {
      const url = await serve({});
      const { body } = await ask(url, query);
      expect(body.errors).toHaveLength(1);
      await eventually(async () => {
        expect((await ask(url, '{ held }')).body).toEqual({ data: { held: 'held' } });
      });
    });

    it('give back what a default had, when the operation is answered', async () => {
      const url = await serve({ default: AT_ONCE });
      for (let time = 0; time < 3; time += 1) {
        await eventually(async () => {
          expect((await ask(url, '{ plain }')).body).toEqual({ data: { plain: 'plain' } });
        });
      }
    });
  });
});

@WebSocketGateway()
class CatsGateway {
  @RateLimit({ limit: 1, window: '1m' })
  @SubscribeMessage('own')
  own(): object {
    return { event: 'own', data: 'hello' };
  }

  @RateLimit({ ...AT_ONCE, name: 'held' })
  @SubscribeMessage('held')
  async held(@MessageBody('fails') fails?: boolean): Promise<object> {
    if (fails) throw new WsException('a bug');
    return { event: 'held', data: await isPending() };
  }

  @RateLimit({ ...AT_ONCE, name: 'held' })
  @UseGuards(ClosedGuard)
  @SubscribeMessage('closed')
  closed(): void {}

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
  async function talk(
    url: string,
    events: readonly string[],
    data: object = {},
  ): Promise<readonly unknown[]> {
    const client = new WebSocket(url);
    const said: unknown[] = [];
    client.on('message', (message) => said.push(JSON.parse(String(message))));
    client.once('open', () => {
      for (const event of events) client.send(JSON.stringify({ event, data }));
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

  describe('of how many there are at once', () => {
    const refused = {
      event: 'exception',
      data: {
        status: 'error',
        error: 'Rate limit exceeded',
        message: 'Too many requests. Limit: 1 at once',
        retry_after: 3_600,
      },
    };

    it('hold until the handler is done, also where it fails', async () => {
      const url = await serve({});
      const first = talk(url, ['held']);
      await eventually(() => pending.length === 1);
      await expect(talk(url, ['held', 'held'])).resolves.toEqual([refused, refused]);
      pending.splice(0)[0]?.('at last');
      await expect(first).resolves.toEqual([{ event: 'held', data: 'at last' }]);
      const failed = { event: 'exception', data: { status: 'error', message: 'a bug' } };
      for (let time = 0; time < 2; time += 1) {
        await eventually(async () => {
          expect(await talk(url, ['held'], { fails: true })).toMatchObject([failed]);
        });
      }
    });

    it('are held until their window is over where a later guard refuses the message', async () => {
      const url = await serve({});
      const [closed] = await talk(url, ['closed']);
      expect(closed).toMatchObject({ event: 'exception', data: { status: 'error' } });
      await expect(talk(url, ['held'])).resolves.toEqual([refused]);
    });

    it('are no default of messages, of which nobody would see the end', async () => {
      const url = await serve({ default: AT_ONCE });
      await expect(talk(url, ['plain', 'plain'])).resolves.toEqual([
        hello('plain'),
        hello('plain'),
      ]);
    });
  });
});
