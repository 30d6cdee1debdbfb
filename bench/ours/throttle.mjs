import { BackplaneModule } from '../../dist/index.js';
import { createApplication } from '../lib/application.mjs';
import { LIMIT, WINDOW_MS } from '../settings.mjs';

const limited = (strategy) => (redisUrl) => {
  const redis =
    redisUrl === undefined ? {} : { redis: { connections: { default: { url: redisUrl } } } };
  const policy = { limit: LIMIT, window: WINDOW_MS, strategy };
  return createApplication({
    imports: [BackplaneModule.forRoot({ ...redis, throttle: { default: policy } })],
  });
};

/** The default strategy: exact. */
export const slidingWindow = limited('sliding-window');

/** What the peer's Redis storage does: a counter that starts anew with every window. */
export const fixedWindow = limited('fixed-window');
