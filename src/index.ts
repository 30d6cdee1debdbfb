export { BackplaneModule } from './backplane.module.js';
export type { BackplaneOptions } from './backplane.options.js';
export { CodecError } from './common/codec/index.js';
export { type BackplaneConfig, ConfigError, loadConfig } from './common/config/index.js';
export { currentRequest, type RequestContext } from './common/context/index.js';
export { CoreModule } from './common/core.module.js';
export { type DriverContext, type DriverFactory } from './common/drivers/index.js';
export { DecoratorUnboundError } from './common/decorators/index.js';
export {
  BackplaneError,
  type ErrorCode,
  type ErrorKind,
  InvalidOptionError,
  MissingPeerError,
} from './common/errors/index.js';
export {
  type BackplaneEvent,
  type BackplaneEvents,
  type EventName,
  EventStream,
} from './common/events/index.js';
export { BackplaneExceptionFilter, type ErrorBody } from './common/http/index.js';
export { JsonLogger, type JsonLoggerOptions } from './common/logging/index.js';
export {
  ConnectionBudgetError,
  REDIS_CONNECTIONS,
  type RedisClient,
  type RedisConnection,
  RedisConnections,
  RedisModule,
  type RedisModuleOptions,
  type RedisOptions,
  type RedisTarget,
  type RedisTopology,
  RedisUnavailableError,
  type UnavailableReason,
} from './common/redis/index.js';
export {
  type Backing,
  type Details,
  ServiceRegistry,
  type ServiceStatus,
} from './common/status/index.js';
export { CLOCK, type Clock, type Duration, SystemClock } from './common/time/index.js';
