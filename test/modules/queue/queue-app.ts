import type { ModuleMetadata } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { BackplaneExceptionFilter } from '../../../src/common/http/index.js';
import {
  RedisModule,
  type RedisOptions,
  type RedisTarget,
} from '../../../src/common/redis/index.js';
import { QueueModule, type QueueOptions } from '../../../src/modules/queue/index.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';

/** Quick enough for tests; but what a slow machine could miss lasts longer than any test. */
export const FAST: QueueOptions = {
  backoff: { type: 'fixed', delay: 5, jitter: 0 },
  lease: '1m',
  stalledInterval: 150,
  deadline: '5s',
  shutdownTimeout: '1s',
};

/** An application with queues on Redis. */
export function queueMetadata(
  target: RedisTarget,
  options: QueueOptions,
  metadata: ModuleMetadata & Pick<RedisOptions, 'bootTimeout'> = {},
): ModuleMetadata {
  const { imports = [], providers = [], bootTimeout = '10s', ...rest } = metadata;
  return {
    ...rest,
    imports: [
      RedisModule.forRoot({
        connections: { default: target },
        prefix: uniquePrefix(),
        bootTimeout,
        // On a busy machine a few calls may take longer than what a request has otherwise.
        requestBudget: '5s',
      }),
      QueueModule.forRoot({ ...FAST, ...options }),
      ...imports,
    ],
    providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }, ...providers],
  };
}

export async function startContext(metadata: ModuleMetadata) {
  const module = await Test.createTestingModule(metadata).compile();
  return module.init().catch(async (error: unknown) => {
    await module.close();
    throw error;
  });
}
