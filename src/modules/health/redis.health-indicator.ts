import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { RedisHealthService } from './redis-health.service.js';

/**
 * Redis, as a Terminus indicator for an application's own health checks. Redis away is `degraded`,
 * because the failure policies answer; what then cannot be served is `down` in
 * `ServicesHealthIndicator`.
 *
 * @example
 * health.check([() => this.redis.check('redis')]);
 */
@Injectable()
export class RedisHealthIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(RedisHealthService) private readonly redis: RedisHealthService,
  ) {}

  /** Never throws and never takes longer than the health deadline. */
  async check<const Key extends string>(key: Key) {
    const session = this.indicators.check(key);
    const { status, details } = await this.redis.check();
    const data = { available: status === 'healthy', state: status, details };
    return status === 'unhealthy' ? session.degraded(data) : session.up(data);
  }
}
