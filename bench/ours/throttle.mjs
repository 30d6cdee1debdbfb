import { BackplaneModule } from '../../dist/index.js';
import { ThrottleModule, ThrottleService } from '../../dist/modules/throttle/index.js';
import { createApplication } from '../lib/application.mjs';
import { hitOperation } from '../operations/throttle.mjs';
import { HIT_WINDOW_MS, LIMIT, THREE_WINDOWS_MS, WINDOW_MS } from '../settings.mjs';
import { applicationContext } from './context.mjs';

const limited = (strategy) => (redisUrl) => {
  const redis =
    redisUrl === undefined ? {} : { redis: { connections: { default: { url: redisUrl } } } };
  const policy = { limit: LIMIT, window: WINDOW_MS, strategy };
  return createApplication({
    imports: [BackplaneModule.forRoot({ ...redis, throttle: { default: policy } })],
  });
};

/** Three limits on the same route, in the default strategy. */
export const threeLimits = (redisUrl) =>
  createApplication({
    imports: [
      BackplaneModule.forRoot({
        redis: { connections: { default: { url: redisUrl } } },
        throttle: {
          routes: THREE_WINDOWS_MS.map((window) => ({ path: '/**', limit: LIMIT, window })),
        },
      }),
    ],
  });

const hits = (kind) => async () => {
  const throttle = (await applicationContext(undefined, ThrottleModule.forRoot())).get(
    ThrottleService,
  );
  const limit = { name: 'hits', limit: LIMIT, window: HIT_WINDOW_MS };
  const scarce = { name: 'scarce', limit: 3, window: WINDOW_MS };
  return hitOperation(kind, {
    hit: async (client) => (await throttle.consume(client, limit)).allowed,
    hitScarce: async (client) => (await throttle.consume(client, scarce)).allowed,
  });
};

export const hotHits = hits('hot');
export const coldHits = hits('cold');

/** The default strategy: exact. */
export const slidingWindow = limited('sliding-window');

/** What the peer's Redis storage does: a counter that starts anew with every window. */
export const fixedWindow = limited('fixed-window');
