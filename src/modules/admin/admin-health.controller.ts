import { Get, Inject } from '@nestjs/common';
import { AdminController } from '../../common/admin/index.js';
import { HealthService, type RedisHealth } from '../health/index.js';

@AdminController('health')
export class AdminHealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** As `/health/redis`. */
  @Get()
  check(): Promise<RedisHealth> {
    return this.health.checkRedis();
  }
}
