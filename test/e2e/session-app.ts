import {
  Controller,
  Delete,
  Get,
  Inject,
  type INestApplication,
  type ModuleMetadata,
  Param,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { BackplaneExceptionFilter, CLOCK } from '../../src/index.js';
import { AdminModule } from '../../src/modules/admin/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import {
  AuthSessionAdminController,
  type CookieResponse,
  CurrentSession,
  RequireSession,
  type Session,
  SessionAdminController,
  SessionCookies,
  SessionModule,
  type SessionOptions,
  type SessionRequest,
  SessionService,
} from '../../src/modules/session/index.js';
import { FakeClock } from '../../src/testing/index.js';
import { listen, type Platform, type TestApp } from '../support/app.js';

export const TOKEN = 'a-token-of-an-operator';

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
  ): Promise<Session> {
    const created = await this.sessions.create({ userId, data: { theme: 'dark' } });
    this.cookies.set(response, created);
    return created.session;
  }

  @RequireSession()
  @Get('me')
  me(@CurrentSession() session: Session, @Req() request: SessionRequest) {
    return { id: session.id, user: request.user, data: session.data };
  }

  /** As docs/session.md shows it. */
  @Delete('session')
  async signOut(
    @Req() request: SessionRequest,
    @Res({ passthrough: true }) response: CookieResponse,
  ): Promise<void> {
    this.cookies.clear(response);
    const session = await this.sessions.validate(this.cookies.read(request));
    if (session !== undefined) await this.sessions.destroy(session.id);
  }

  @RequireSession()
  @Delete('sessions')
  async signOutEverywhere(@CurrentSession() session: Session) {
    return { ended: await this.sessions.destroyAllForUser(session.userId ?? '') };
  }

  @Get('open')
  open(@CurrentSession() session: Session | undefined) {
    return { session: session ?? null };
  }
}

@RequireSession()
@Controller('closed')
class ClosedController {
  @Get()
  read() {
    return { inside: true };
  }
}

export interface SessionAppOptions {
  readonly session?: SessionOptions;
  /** Modules beside those of sessions, admin and health. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface AskOptions {
  readonly cookie?: string | undefined;
  readonly token?: string | undefined;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
}

export interface SessionApp extends TestApp {
  readonly clock: FakeClock;
  readonly sessions: SessionService;
  /** `'GET /account/me'` */
  ask(what: string, options?: AskOptions): Promise<Reply>;
}

/** The controllers above and those for operators, on the memory driver unless Redis is imported. */
export async function startSessionApp(
  platform: Platform,
  options: SessionAppOptions = {},
): Promise<SessionApp> {
  const clock = new FakeClock(Date.now());
  const module = await Test.createTestingModule({
    imports: [
      ...(options.imports ?? []),
      SessionModule.forRoot(options.session),
      HealthModule.forRoot(),
      AdminModule.forRoot({
        token: TOKEN,
        controllers: [SessionAdminController, AuthSessionAdminController],
      }),
    ],
    controllers: [AccountController, ClosedController],
    providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
  })
    .overrideProvider(CLOCK)
    .useValue(clock)
    .compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app: INestApplication = module.createNestApplication(adapter, { logger: false });
  const listening = await listen(app);
  const ask: SessionApp['ask'] = (what, asked) => send(listening.url, what, asked);
  return { ...listening, clock, sessions: app.get(SessionService), ask };
}

async function send(url: string, what: string, options: AskOptions = {}): Promise<Reply> {
  const [method = 'GET', path = '/'] = what.split(' ');
  const { cookie, token, body, raw = body === undefined ? null : JSON.stringify(body) } = options;
  const response = await fetch(`${url}${path}`, {
    method,
    body: raw,
    headers: {
      ...(cookie === undefined ? {} : { cookie }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(raw === null ? {} : { 'content-type': 'application/json' }),
    },
  });
  const text = await response.text();
  const parsed = text === '' ? {} : (JSON.parse(text) as Reply['body']);
  return { status: response.status, headers: response.headers, body: parsed };
}

/** What a browser sends back. */
export function cookieFrom({ headers }: Reply): string {
  return headers.getSetCookie()[0]?.split(';')[0] ?? '';
}
