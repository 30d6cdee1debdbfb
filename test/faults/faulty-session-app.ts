import { EventStream } from '../../src/common/events/index.js';
import { RedisModule, type RedisTarget } from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import type { SessionFailurePolicy } from '../../src/modules/session/index.js';
import { cookieFrom, type SessionApp, startSessionApp } from '../e2e/session-app.js';
import { eventually, type EventuallyOptions } from '../support/eventually.js';
import { uniquePrefix } from '../support/redis/shared-redis.js';

/** The sessions of an application, with a record of when its Redis went and came. */
export interface FaultySessionApp extends SessionApp {
  readonly degraded: string[];
  readonly recovered: number[];
  backing(): string;
  /** Resolves to the cookie. Tries again, as users do, where a busy machine missed a deadline. */
  signIn(user?: string): Promise<string>;
  statusWith(cookie: string): Promise<number>;
  /** Answers come from Redis: there is what the cookie stands for. Forgets earlier faults. */
  answersOnRedis(cookie: string): Promise<void>;
  recovers(options?: EventuallyOptions): Promise<void>;
}

export async function startFaultySessionApp(
  onRedisDown: SessionFailurePolicy,
  target: RedisTarget,
): Promise<FaultySessionApp> {
  const connections = { default: target };
  const app = await startSessionApp('fastify', {
    session: { onRedisDown },
    imports: [RedisModule.forRoot({ connections, prefix: uniquePrefix(), bootTimeout: '10s' })],
  });
  const [degraded, recovered]: [string[], number[]] = [[], []];
  const events = app.app.get(EventStream);
  events.on('redis.degraded', ({ reason }) => degraded.push(reason));
  events.on('redis.recovered', ({ downMs }) => recovered.push(downMs));
  const services = app.app.get(ServiceRegistry).list();
  const session = services.find(({ service }) => service === 'session_storage');
  const backing = () => session?.backing() ?? 'unknown';
  const statusWith = async (cookie: string) =>
    (await app.ask('GET /account/me', { cookie })).status;
  return {
    ...app,
    degraded,
    recovered,
    backing,
    statusWith,
    signIn: (user = 'ada') =>
      eventually(async () => {
        const reply = await app.ask(`POST /account/sign-in/${user}`);
        expect(reply.status).toBe(201);
        return cookieFrom(reply);
      }),
    answersOnRedis: async (cookie) => {
      // A busy machine may have missed a deadline before the fault: that is not the one to be seen.
      await eventually(async () => backing() === 'redis' && (await statusWith(cookie)) === 200);
      degraded.length = 0;
      recovered.length = 0;
    },
    recovers: async (options) => {
      await eventually(() => recovered.length > 0 && backing() === 'redis', options);
    },
  };
}
