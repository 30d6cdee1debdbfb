import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Global,
  Module,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import type { BackplaneOptions } from './backplane.options.js';
import { RedisModule } from './common/redis/index.js';
import { CacheModule } from './modules/cache/index.js';
import { HealthModule } from './modules/health/index.js';
import { LockModule } from './modules/lock/index.js';
import { PubSubModule } from './modules/pubsub/index.js';
import { QueueModule } from './modules/queue/index.js';
import { SessionIdentity, SessionModule } from './modules/session/index.js';
import { ThrottleModule, type ThrottleOptions } from './modules/throttle/index.js';
import { sessionUser } from './session-user.js';

const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: BACKPLANE_OPTIONS,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<BackplaneOptions>({ moduleName: 'Backplane' })
  .setClassMethodName('forRoot')
  .build();

/** Holds the options for the modules of `forRootAsync`. */
@Global()
@Module({ exports: [BACKPLANE_OPTIONS] })
class BackplaneOptionsModule extends ConfigurableModuleClass {}

interface AsyncModule<Options> {
  forRootAsync(options: {
    readonly inject: [typeof BACKPLANE_OPTIONS];
    readonly useFactory: (options: BackplaneOptions) => Options;
  }): DynamicModule;
}

/**
 * Sets up the Redis connections and any of the modules in one place.
 *
 * `forRoot` imports the modules whose options are given; `forRootAsync` cannot know them before the
 * application starts and imports all of them.
 *
 * @example
 * BackplaneModule.forRoot({
 *   redis: { connections: { default: { url: 'redis://localhost:6379' } } },
 *   cache: { ttl: '5m' },
 *   throttle: { default: { limit: 100, window: '1m' } },
 *   health: {},
 * })
 */
@Module({})
export class BackplaneModule {
  static forRoot(options: BackplaneOptions): DynamicModule {
    const { redis, cache, throttle, lock, session, pubsub, queue, health } = options;
    const imports: NonNullable<ModuleMetadata['imports']> = [
      ...(redis === undefined ? [] : [RedisModule.forRoot(redis)]),
      ...(cache === undefined ? [] : [CacheModule.forRoot(cache)]),
      ...(throttle === undefined ? [] : [throttleModule(throttle, session !== undefined)]),
      ...(lock === undefined ? [] : [LockModule.forRoot(lock)]),
      ...(session === undefined ? [] : [SessionModule.forRoot(session)]),
      ...(pubsub === undefined ? [] : [PubSubModule.forRoot(pubsub)]),
      ...(queue === undefined ? [] : [QueueModule.forRoot(queue)]),
      ...(health === undefined ? [] : [HealthModule.forRoot(health)]),
    ];
    return { module: BackplaneModule, imports };
  }

  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const part = <O>(module: Type & AsyncModule<O>, pick: (all: BackplaneOptions) => O) =>
      module.forRootAsync({ inject: [BACKPLANE_OPTIONS], useFactory: pick });
    return {
      module: BackplaneModule,
      imports: [
        BackplaneOptionsModule.forRootAsync(options),
        part(RedisModule, ({ redis }) => redis ?? {}),
        part(CacheModule, ({ cache }) => cache ?? {}),
        ThrottleModule.forRootAsync({
          inject: [BACKPLANE_OPTIONS, SessionIdentity],
          useFactory: ({ throttle = {} }: BackplaneOptions, sessions: SessionIdentity) =>
            withSessionUser(throttle, sessions),
        }),
        part(LockModule, ({ lock }) => lock ?? {}),
        part(SessionModule, ({ session }) => session ?? {}),
        part(PubSubModule, ({ pubsub }) => pubsub ?? {}),
        part(QueueModule, ({ queue }) => queue ?? {}),
        part(HealthModule, ({ health }) => health ?? {}),
      ],
    };
  }
}

/** Limits `by: 'user'` know the user of the session, where there are sessions. */
function throttleModule(throttle: ThrottleOptions, hasSessions: boolean): DynamicModule {
  if (!hasSessions) return ThrottleModule.forRoot(throttle);
  return ThrottleModule.forRootAsync({
    inject: [SessionIdentity],
    useFactory: (sessions: SessionIdentity) => withSessionUser(throttle, sessions),
  });
}

function withSessionUser(throttle: ThrottleOptions, sessions: SessionIdentity): ThrottleOptions {
  return { ...throttle, user: throttle.user ?? sessionUser(sessions) };
}
