import { Test } from '@nestjs/testing';
import type { INestApplicationContext } from '@nestjs/common';
import { EventStream } from '../../src/common/events/index.js';
import { RedisModule, type RedisOptions, type RedisTarget } from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { PubSubModule, type PubSubOptions, PubSubService } from '../../src/modules/pubsub/index.js';
import { logOf } from '../contracts/pubsub/pubsub-fixture.js';

/** A test that is about how soon something is noticed gives times of its own. */
const UNHURRIED = { deadline: '5s', heartbeat: '5s' } as const;

/** An application with the module on Redis, and everything it said. */
export class PubSubApp {
  readonly pubsub: PubSubService;
  readonly gaps;
  readonly degraded;
  readonly recovered;
  readonly lost;
  readonly #app: INestApplicationContext;

  private constructor(app: INestApplicationContext) {
    this.#app = app;
    this.pubsub = app.get(PubSubService);
    const events = app.get(EventStream);
    this.gaps = logOf(events, 'pubsub.gap');
    this.degraded = logOf(events, 'redis.degraded');
    this.recovered = logOf(events, 'redis.recovered');
    this.lost = logOf(events, 'pubsub.lost');
  }

  static async start(
    target: RedisTarget,
    prefix: string,
    given: PubSubOptions & Pick<RedisOptions, 'bootTimeout'> = {},
  ): Promise<PubSubApp> {
    const { bootTimeout = '10s', ...options } = given;
    const redis = RedisModule.forRoot({ connections: { default: target }, prefix, bootTimeout });
    const module = await Test.createTestingModule({
      imports: [redis, PubSubModule.forRoot({ ...UNHURRIED, ...options })],
    }).compile();
    return new PubSubApp(await module.init());
  }

  /** What health says about the service. */
  get status() {
    const [status] = this.#app.get(ServiceRegistry).list();
    return { backing: status?.backing(), isServing: status?.isServing() };
  }

  close(): Promise<void> {
    return this.#app.close();
  }
}
