export { currentLock } from './current-lock.js';
export { type FencedWrite, fencedWrite, type ScriptingClient } from './fenced-write.js';
export type {
  AcquireOptions,
  HoldOptions,
  LockedOptions,
  LockKey,
  SkipOptions,
  WaitOptions,
} from './hold.options.js';
export {
  LockAdminController,
  type LockBody,
  type LockListBody,
  type LockWaiterBody,
} from './lock.controller.js';
export { LockDriver } from './lock.driver.js';
export type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockGrant,
  LockRef,
  LockRelease,
  LockWait,
  LockWaiter,
  Permits,
  ReleaseOutcome,
  WhichHold,
} from './lock.driver.js';
export {
  LockBackendDownError,
  LockBusyError,
  LockLostError,
  LockMisuseError,
  LockWaitTimeoutError,
} from './lock.errors.js';
export {
  LOCK,
  LOCK_FENCE,
  LOCK_PERMITS,
  LOCK_QUEUE,
  LOCK_RELEASED,
  LOCK_SEMAPHORE,
  LOCK_WAITERS,
} from './lock.keys.js';
export { LockModule } from './lock.module.js';
export type { LockOptions, LockQuorumOptions } from './lock.options.js';
export { type ForceReleaseOptions, LockService, type UnderLock } from './lock.service.js';
export type { PermitsOptions } from './permits.options.js';
export { Locked } from './locked.decorator.js';
export type { LockHandle } from './lock-handle.js';
