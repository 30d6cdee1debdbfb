import { Controller, Get, Inject, UseGuards } from '@nestjs/common';
import { HealthService, type RedisHealth } from '../health/index.js';
import { AdminTokenGuard } from './admin-token.guard.js';

@Controller('api/v1/redis/health')
@UseGuards(AdminTokenGuard)
export class AdminHealthController {
  constructor(@Inject(HealthService) private readonly health: HealthService) {}

  /** As `/health/redis`. */
  @Get()
  check(): Promise<RedisHealth> {
    return this.health.checkRedis();
  }
}
