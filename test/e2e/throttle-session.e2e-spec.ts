import { Controller, Get, Inject, Param, Post, Res } from '@nestjs/common';
import { BackplaneModule, type BackplaneOptions } from '../../src/index.js';
import {
  type CookieResponse,
  RequireSession,
  SessionCookies,
  SessionService,
} from '../../src/modules/session/index.js';
import { RateLimit } from '../../src/modules/throttle/index.js';
import { PLATFORMS } from '../support/app.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';
import { rateHeaders, statusesOf, type ThrottleApp, useThrottleApps } from './throttle-app.js';

@Controller('account')
class AccountController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(SessionCookies) private readonly cookies: SessionCookies,
  ) {}

  @Post('sign-in/:user')
  async signIn(
    @Param('user') userId: string,
    @Res({ passthrough: true }) response: CookieResponse,
  ): Promise<string> {
    const created = await this.sessions.create({ userId });
    this.cookies.set(response, created);
    return created.session.id;
  }

  @RateLimit({ name: 'chat', limit: 2, window: '1m', by: 'user' })
  @Get('chat')
  chat(): string {
    return 'two for each user';
  }

  @RequireSession()
  @RateLimit({ name: 'closed', limit: 100, window: '1m', by: 'user' })
  @Get('closed')
  closed(): string {
    return 'for users';
  }

  @RateLimit({ name: 'paid', limit: 2, window: '1m', by: 'api-key' })
  @Get('paid')
  paid(): string {
    return 'two for each key';
  }
}

const redis = useRedis('standalone');

describe.each(PLATFORMS)('limits of users on %s', (platform) => {
  const start = useThrottleApps(platform);

  function startWith(options: BackplaneOptions): Promise<ThrottleApp> {
    const backplane = {
      session: { cookie: { secure: false }, deadline: '2s' },
      throttle: {
        deadline: '2s',
        apiKey: { header: 'x-api-key', resolve: (key: string) => key },
      },
      ...options,
    } as const;
    return start({
      controllers: [AccountController],
      imports: [BackplaneModule.forRoot(backplane)],
    });
  }

  async function signIn(app: ThrottleApp, user: string): Promise<{ cookie: string; id: string }> {
    const { headers, body } = await app.ask('POST', `/account/sign-in/${user}`);
    return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '', id: body };
  }

  const chat = (app: ThrottleApp, cookie?: string) => () =>
    app.ask('GET', '/account/chat', cookie === undefined ? {} : { cookie });

  describe.each(['memory', 'redis'] as const)('with sessions in %s', (backing) => {
    const options = (prefix = uniquePrefix()): BackplaneOptions =>
      backing === 'memory'
        ? {}
        : {
            redis: { connections: { default: { url: redis().url } }, prefix, requestBudget: '2s' },
          };

    it('count for the user of the session, whichever of them it is', async () => {
      const app = await startWith(options());
      const [phone, laptop] = [await signIn(app, 'ada'), await signIn(app, 'ada')];
      const other = await signIn(app, 'bob');
      expect(await statusesOf(1, chat(app, phone.cookie))).toEqual([200]);
      expect(await statusesOf(2, chat(app, laptop.cookie))).toEqual([200, 429]);
      expect(await statusesOf(2, chat(app, other.cookie))).toEqual([200, 200]);
      expect(await statusesOf(3, chat(app))).toEqual([200, 200, 429]);
    });

    it('count by address without a session that is valid', async () => {
      const app = await startWith(options());
      const { cookie, id } = await signIn(app, 'ada');
      const forged = cookie.slice(0, -3) + (cookie.endsWith('AAA') ? 'BBB' : 'AAA');
      expect(await statusesOf(1, chat(app, forged))).toEqual([200]);
      expect(await statusesOf(1, chat(app, 'sid=nonsense'))).toEqual([200]);
      await app.app.get(SessionService).destroy(id);
      expect(await statusesOf(1, chat(app, cookie))).toEqual([429]);
    });
  });

  it('leave it to the guard to renew the session and its cookie', async () => {
    const app = await startWith({});
    const { cookie } = await signIn(app, 'ada');
    app.clock.advance(2 * 3_600_000);
    const { status, headers } = await app.ask('GET', '/account/closed', { cookie });
    expect(status).toBe(200);
    expect(headers.getSetCookie()[0]).toMatch(/^sid=.*Max-Age=86400/);
  });

  it('count by address while the sessions are away, and never fail for it', async () => {
    const app = await startWith({
      redis: { connections: { default: { url: 'redis://127.0.0.1:1' } }, bootTimeout: '20ms' },
    });
    const cookie = `sid=${'a'.repeat(8)}-aaaa-4aaa-8aaa-${'a'.repeat(12)}.${'b'.repeat(22)}.${'c'.repeat(43)}`;
    expect(rateHeaders(await chat(app, cookie)())).toEqual(['2', '1', '60', 'memory', null]);
    expect(await statusesOf(2, chat(app))).toEqual([200, 429]);
  });

  it('ask the application where it says who the user is', async () => {
    const app = await startWith({ throttle: { user: () => 'everybody' } });
    const { cookie } = await signIn(app, 'ada');
    expect(await statusesOf(1, chat(app, cookie))).toEqual([200]);
    expect(await statusesOf(2, chat(app))).toEqual([200, 429]);
  });

  it('write no API key and no cookie into Redis', async () => {
    const prefix = uniquePrefix();
    const { url } = redis();
    const app = await startWith({
      redis: { connections: { default: { url } }, prefix, requestBudget: '2s' },
    });
    const secret = 'sk-live-0123456789abcdef';
    const paid = () => app.ask('GET', '/account/paid', { 'x-api-key': secret });
    expect(await statusesOf(3, paid)).toEqual([200, 200, 429]);
    const { cookie } = await signIn(app, 'ada');
    await chat(app, cookie)();
    const found = await queryRedis(url, (client) => client.keys(`${prefix}:throttle:*`));
    const keys = found.filter((key) => !key.endsWith(':{instances}'));
    expect(keys).toHaveLength(2);
    expect(keys.join()).toMatch(/\{key[^}]*\}:paid/);
    expect(keys.join()).toMatch(/\{user[^}]*ada\}:chat/);
    expect(keys.join()).not.toContain('0123456789');
    expect(keys.join()).not.toContain(cookie.split('.')[2]);
  });
});

describe('BackplaneModule.forRootAsync', () => {
  const start = useThrottleApps('fastify');

  it('knows the user of the session as well', async () => {
    const options = { session: { cookie: { secure: false } }, queue: { dataDir: 'memory://' } };
    const app = await start({
      controllers: [AccountController],
      imports: [BackplaneModule.forRootAsync({ useFactory: () => options })],
    });
    const { headers } = await app.ask('POST', '/account/sign-in/ada');
    const cookie = headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const chat = (sent: Record<string, string>) => () => app.ask('GET', '/account/chat', sent);
    expect(await statusesOf(3, chat({ cookie }))).toEqual([200, 200, 429]);
    expect(await statusesOf(1, chat({}))).toEqual([200]);
  });
});
