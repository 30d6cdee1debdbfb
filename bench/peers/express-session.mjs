/**
 * `express-session` as global middleware, as in https://docs.nestjs.com/techniques/session, on
 * `connect-redis` and `redis` as in https://www.npmjs.com/package/connect-redis.
 */
import { Post, Session, UnauthorizedException } from '@nestjs/common';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import { createClient } from 'redis';
import { createApplication, createController } from '../lib/application.mjs';
import { PAYLOAD, SESSION_TTL_MS, SIGN_IN_PATH, USER_ID } from '../settings.mjs';

export async function create(redisUrl) {
  const client = createClient({ url: redisUrl });
  await client.connect();
  const store = new RedisStore({ client, ttl: SESSION_TTL_MS / 1_000 });
  const options = { store, resave: false, saveUninitialized: false, secret: 'keyboard cat' };
  return createApplication({
    middleware: [session(options)],
    controllers: [signInController()],
    on: { parameter: Session() },
    answer: ({ userId }) => {
      if (userId === undefined) throw new UnauthorizedException();
      return { ...PAYLOAD, userId };
    },
  });
}

function signInController() {
  class SignInController {
    run(found) {
      Object.assign(found, { userId: USER_ID, role: 'user' });
      return {};
    }
  }
  return createController(SignInController, {
    path: SIGN_IN_PATH,
    on: { method: [Post()], parameter: Session() },
  });
}
