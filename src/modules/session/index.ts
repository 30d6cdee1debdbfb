export { AuthSessionAdminController } from './auth-session.controller.js';
export type {
  Authentication,
  CreatedSession,
  Session,
  SessionData,
  SessionDevice,
} from './session.js';
export { type CookieResponse, SessionCookies } from './session-cookies.js';
export { SessionAdminController } from './session.controller.js';
export { CurrentSession, RequireSession } from './session.decorators.js';
export { SessionDriver } from './session.driver.js';
export type {
  EndedSession,
  NewSession,
  SessionChange,
  SessionContent,
  StoredSession,
  TouchRule,
  UpdateOutcome,
  ValidatedSession,
} from './session.driver.js';
export {
  SessionBackendDownError,
  SessionConflictError,
  SessionIdTakenError,
  SessionTooLargeError,
} from './session.errors.js';
export { SessionGuard, type SessionRequest } from './session.guard.js';
export type { SessionCredential } from './session-id.js';
export { SessionIdentity } from './session-identity.js';
export { SESSION_GENERATION, SESSION_INDEX, SESSION_LIVE, SESSION_RECORD } from './session.keys.js';
export { SessionModule } from './session.module.js';
export type {
  SessionCookieOptions,
  SessionFailurePolicy,
  SessionOptions,
} from './session.options.js';
export { type CreateSession, SessionService } from './session.service.js';
export type { SessionUpdate } from './session-change.js';
