export { type FencedWrite, fencedWrite, type ScriptingClient } from './fenced-write.js';
export { LockAdminController, type LockBody, type LockListBody } from './lock.controller.js';
export { LockDriver } from './lock.driver.js';
export type {
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockGrant,
  LockRef,
  ReleaseOutcome,
} from './lock.driver.js';
export {
  LockBackendDownError,
  LockBusyError,
  LockLostError,
  LockMisuseError,
  LockWaitTimeoutError,
} from './lock.errors.js';
export { LOCK, LOCK_FENCE, LOCK_RELEASED } from './lock.keys.js';
export { LockModule } from './lock.module.js';
export type { AcquireOptions, HoldOptions, LockedOptions, LockOptions } from './lock.options.js';
export { LockService } from './lock.service.js';
export { Locked } from './locked.decorator.js';
export type { LockHandle } from './lock-handle.js';
