export { HealthModule } from './health.module.js';
export type { HealthOptions } from './health.options.js';
export { type DeepHealthBody, type HealthBody, HealthService } from './health.service.js';
export { RedisHealthIndicator } from './redis.health-indicator.js';
export type { RedisHealth } from './redis-health.service.js';
export { ServicesHealthIndicator } from './services.health-indicator.js';
