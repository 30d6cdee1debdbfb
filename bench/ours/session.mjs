import { Post, Res } from '@nestjs/common';
import { BackplaneModule } from '../../dist/index.js';
import {
  CurrentSession,
  RequireSession,
  SessionCookies,
  SessionService,
} from '../../dist/modules/session/index.js';
import { createApplication, createController } from '../lib/application.mjs';
import { PAYLOAD, SESSION_TTL_MS, SIGN_IN_PATH, USER_ID } from '../settings.mjs';

/**
 * `@RequireSession` on the route, as in docs/session.md. All options but the ttl at their defaults.
 */
export function create(redisUrl) {
  return createApplication({
    imports: [
      BackplaneModule.forRoot({
        redis: { connections: { default: { url: redisUrl } } },
        session: { ttl: SESSION_TTL_MS },
      }),
    ],
    controllers: [signInController()],
    on: { method: [RequireSession()], parameter: CurrentSession() },
    answer: (session) => ({ ...PAYLOAD, userId: session.userId }),
  });
}

function signInController() {
  class SignInController {
    constructor(sessions, cookies) {
      this.sessions = sessions;
      this.cookies = cookies;
    }

    async run(response) {
      const created = await this.sessions.create({ userId: USER_ID, data: { role: 'user' } });
      this.cookies.set(response, created);
      return {};
    }
  }
  return createController(SignInController, {
    path: SIGN_IN_PATH,
    inject: [SessionService, SessionCookies],
    on: { method: [Post()], parameter: Res({ passthrough: true }) },
  });
}
