import { EventStream } from '../../src/common/events/index.js';
import { BackplaneModule } from '../../src/index.js';
import { type Answer, UserGuard, useThrottleApps } from '../e2e/throttle-app.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { type OwnRedis, startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';

const LIMIT = 20;
const INSTANCES = 2;

interface Place {
  readonly redis: OwnRedis;
  readonly network: FaultProxy;
}

/** What goes wrong, and how it is set right. */
interface Fault {
  inject(place: Place): Promise<unknown> | void;
  heal(place: Place): Promise<unknown> | void;
}

const command =
  (...words: readonly [string, ...string[]]) =>
  ({ redis }: Place) => {
    const [name, ...args] = words;
    return queryRedis(redis.url, (client) => client.call(name, ...args));
  };

const FAULTS: readonly (readonly [string, Fault])[] = [
  [
    'is killed',
    {
      inject: ({ redis }) => redis.process.kill(),
      heal: ({ redis }) => redis.process.restart(),
    },
  ],
  [
    'freezes',
    { inject: ({ redis }) => redis.process.freeze(), heal: ({ redis }) => redis.process.thaw() },
  ],
  [
    'is behind a network that swallows everything',
    { inject: ({ network }) => network.blackHole(), heal: ({ network }) => network.heal() },
  ],
  [
    'is full, and evicts nothing',
    {
      inject: command('CONFIG', 'SET', 'maxmemory', '1'),
      heal: command('CONFIG', 'SET', 'maxmemory', '0'),
    },
  ],
  [
    'has become a replica that takes no writes',
    {
      inject: command('REPLICAOF', '127.0.0.1', '1'),
      heal: command('REPLICAOF', 'NO', 'ONE'),
    },
  ],
];

describe('a limit while Redis', () => {
  const redis = useStarted(startStandalone);
  const network = useStarted(async () => {
    const proxy = new FaultProxy({ targetPort: redis().process.port });
    await proxy.start();
    return proxy;
  });
  const start = useThrottleApps('fastify');

  it.each(FAULTS)(
    '%s answers no 5xx, and admits the limit and its share at most',
    async (_, fault) => {
      const place = { redis: redis(), network: network() };
      const app = await start({
        imports: [
          BackplaneModule.forRoot({
            redis: {
              connections: { default: { url: network().url } },
              prefix: uniquePrefix(),
              bootTimeout: '10s',
              breaker: { probeInterval: '100ms' },
            },
            throttle: {
              guard: UserGuard,
              default: { limit: LIMIT, window: '1h' },
              instances: INSTANCES,
              deadline: '250ms',
            },
          }),
        ],
      });
      // One, unless a busy machine misses some deadlines before.
      let outages = 0;
      app.app.get(EventStream).on('redis.degraded', () => (outages += 1));
      const answers: Answer[] = [];
      const send = async (times: number, user = 'alice'): Promise<readonly (string | null)[]> => {
        const sent = Array.from({ length: times }, () =>
          app.ask('GET', '/cats', { 'x-user': user }),
        );
        const received = await Promise.all(sent);
        if (user === 'alice') answers.push(...received);
        return received.map(({ headers }) => headers.get('x-ratelimit-backend'));
      };

      await send(5);
      // Fewer than the limit: to deny, a server need not write.
      await Promise.all([fault.inject(place), send(LIMIT / 2)]);
      await eventually(async () => expect(await send(1)).toEqual(['memory']));
      expect(new Set(await send(2 * LIMIT))).toEqual(new Set(['memory']));

      const statuses = answers.map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([200, 429]));
      const admitted = statuses.filter((status) => status === 200).length;
      expect(admitted).toBeGreaterThanOrEqual(LIMIT / INSTANCES);
      expect(admitted).toBeLessThanOrEqual(LIMIT + (outages * LIMIT) / INSTANCES);

      await fault.heal(place);
      await eventually(async () => expect(await send(1, 'bob')).toEqual(['redis']));
    },
  );
});
