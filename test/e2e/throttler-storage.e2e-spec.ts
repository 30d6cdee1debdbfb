import { ThrottlerModule } from '@nestjs/throttler';
import { BackplaneModule } from '../../src/index.js';
import {
  BackplaneThrottlerStorage,
  type ThrottleOptions,
} from '../../src/modules/throttle/index.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';
import {
  rateHeaders,
  statusesOf,
  type ThrottleAppOptions,
  useThrottleApps,
} from './throttle-app.js';
import { StockGuardModule } from './throttler-app.js';

describe('the guard of @nestjs/throttler on our storage', () => {
  const redis = useRedis('standalone');
  const start = useThrottleApps('express');

  function stock(url: string, prefix: string, throttle: ThrottleOptions = {}): ThrottleAppOptions {
    const bootTimeout = throttle.deadline === undefined ? '2s' : '20ms';
    return {
      imports: [
        BackplaneModule.forRoot({
          redis: {
            connections: { default: { url } },
            prefix,
            bootTimeout,
            requestBudget: '2s',
          },
          throttle: { deadline: '2s', ...throttle },
        }),
        ThrottlerModule.forRootAsync({
          inject: [BackplaneThrottlerStorage],
          useFactory: (storage: BackplaneThrottlerStorage) => ({
            throttlers: [{ limit: 4, ttl: 60_000 }],
            storage,
          }),
        }),
        StockGuardModule,
      ],
    };
  }

  /** A port where nobody listens. */
  function away(throttle: ThrottleOptions): ThrottleAppOptions {
    return stock('redis://127.0.0.1:1', uniquePrefix(), { deadline: '50ms', ...throttle });
  }

  it('holds one limit over two instances, with the headers of that guard', async () => {
    const prefix = uniquePrefix();
    const first = await start(stock(redis().url, prefix));
    const second = await start(stock(redis().url, prefix));
    await expect(statusesOf(2, () => first.ask('GET', '/shop'))).resolves.toEqual([200, 200]);
    expect(rateHeaders(await second.ask('GET', '/shop')).slice(0, 2)).toEqual(['4', '1']);
    await expect(statusesOf(2, () => second.ask('GET', '/shop'))).resolves.toEqual([200, 429]);
    const denied = await first.ask('GET', '/shop');
    expect(denied.status).toBe(429);
    expect(Number(denied.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('grants the share of this instance while Redis is away', async () => {
    const app = await start(away({ instances: 2 }));
    expect(rateHeaders(await app.ask('GET', '/shop')).slice(0, 2)).toEqual(['4', '1']);
    await expect(statusesOf(2, () => app.ask('GET', '/shop'))).resolves.toEqual([200, 429]);
  });

  it('lets everybody through, or nobody, while Redis is away, where that is wanted', async () => {
    const open = await start(away({ onRedisDown: 'open' }));
    await expect(statusesOf(6, () => open.ask('GET', '/shop'))).resolves.toEqual(
      Array.from({ length: 6 }, () => 200),
    );
    const closed = await start(away({ onRedisDown: 'closed' }));
    const { status, body } = await closed.ask('GET', '/shop');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: 'E_THROTTLE_BACKEND_DOWN' });
  });
});
