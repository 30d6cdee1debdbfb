import {
  Inject,
  Injectable,
  type OnModuleDestroy,
  ServiceUnavailableException,
} from '@nestjs/common';
import { type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import type { Backing } from '../../common/status/index.js';
import { type DeepHealth, DeepHealthService } from './deep-health.service.js';
import { RedisHealthIndicator } from './redis.health-indicator.js';
import { type RedisHealth, RedisHealthService } from './redis-health.service.js';
import { ServicesHealthIndicator } from './services.health-indicator.js';

/** Body of `/health`. */
export interface HealthBody {
  readonly status: 'up' | 'degraded' | 'down';
  readonly system: {
    readonly redis: { readonly status: RedisHealth['status']; readonly available: boolean };
  };
  readonly services: Readonly<Record<string, Backing>>;
}

/** Body of `/health/deep`. */
export interface DeepHealthBody extends HealthBody, DeepHealth {
  readonly redis: RedisHealth['details'];
}

/** How the application is, from Terminus' checks. No method rejects because something is unwell. */
@Injectable()
export class HealthService implements OnModuleDestroy {
  #isShuttingDown = false;

  constructor(
    @Inject(HealthCheckService) private readonly terminus: HealthCheckService,
    @Inject(RedisHealthIndicator) private readonly redisIndicator: RedisHealthIndicator,
    @Inject(ServicesHealthIndicator) private readonly services: ServicesHealthIndicator,
    @Inject(RedisHealthService) private readonly redis: RedisHealthService,
    @Inject(DeepHealthService) private readonly deep: DeepHealthService,
  ) {}

  /**
   * `down` from here on. Terminus notices the shutdown only in its own `beforeApplicationShutdown`,
   * which comes after those in which applications finish their work.
   */
  onModuleDestroy(): void {
    this.#isShuttingDown = true;
  }

  /** `degraded`: not all is as it should be, and requests are answered. `down`: they are not. */
  async check(): Promise<HealthBody> {
    const redis = this.redis.check();
    const [{ status }, { status: redisStatus }] = await Promise.all([this.#terminus(), redis]);
    return {
      status: this.#isShuttingDown ? 'down' : STATUS[status],
      system: { redis: { status: redisStatus, available: redisStatus === 'healthy' } },
      services: this.services.backings(),
    };
  }

  /** As `check`, with the details of Redis, of this process and of each service. */
  async checkDeep(): Promise<DeepHealthBody> {
    const parts = [this.check(), this.redis.check(), this.deep.collect()] as const;
    const [body, redis, deep] = await Promise.all(parts);
    return { ...body, redis: redis.details, ...deep };
  }

  checkRedis(): Promise<RedisHealth> {
    return this.redis.check();
  }

  /** Terminus throws what is unhealthy; here it is an answer like any other. */
  async #terminus(): Promise<HealthCheckResult> {
    try {
      return await this.terminus.check([
        () => this.redisIndicator.check('redis'),
        () => this.services.check('services'),
      ]);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      return error.getResponse() as HealthCheckResult;
    }
  }
}

const STATUS: Readonly<Record<HealthCheckResult['status'], HealthBody['status']>> = {
  ok: 'up',
  degraded: 'degraded',
  error: 'down',
  shutting_down: 'down',
};
