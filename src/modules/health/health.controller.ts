import { Controller, Get, Header, Inject, ServiceUnavailableException } from '@nestjs/common';
import { SkipRateLimit } from '../throttle/index.js';
import { type DeepHealthBody, type HealthBody, HealthService } from './health.service.js';
import type { RedisHealth } from './redis-health.service.js';

/** Health for monitors and orchestrators: never limited, never cached. */
@SkipRateLimit()
@Controller('health')
export class HealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** 200 while everything is answered, also degraded; 503 when something is not. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async check(): Promise<HealthBody> {
    return unlessDown(await this.health.check());
  }

  /** 200 as long as the process answers: for restarts. Looks at nothing else, also in shutdown. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(): { readonly status: 'up' } {
    return { status: 'up' };
  }

  /** 200 while requests should be sent here; 503 when down or shutting down. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  async ready(): Promise<{ readonly status: HealthBody['status'] }> {
    const { status } = await this.health.check();
    return unlessDown({ status });
  }

  /** Always 200; the body says how Redis is. */
  @Get('redis')
  @Header('Cache-Control', 'no-store')
  redis(): Promise<RedisHealth> {
    return this.health.checkRedis();
  }

  /**
   * For people and dashboards: `/health` with memory, pools and what each service tells of itself.
   */
  @Get('deep')
  @Header('Cache-Control', 'no-store')
  async deep(): Promise<DeepHealthBody> {
    return unlessDown(await this.health.checkDeep());
  }
}

function unlessDown<T extends { readonly status: HealthBody['status'] }>(body: T): T {
  if (body.status === 'down') throw new ServiceUnavailableException(body);
  return body;
}
