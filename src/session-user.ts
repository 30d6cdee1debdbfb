import { SessionBackendDownError, type SessionIdentity } from './modules/session/index.js';
import { type OfRequest, userOnRequest } from './modules/throttle/index.js';

/**
 * Who the user is, for limits: whom authentication put on the request, else whose session the cookie
 * opens. Limits are checked before `SessionGuard` runs. While sessions cannot be read there is no
 * user, and clients count by their address.
 */
export function sessionUser(sessions: SessionIdentity): OfRequest<string | undefined> {
  return async (request) => {
    const known = userOnRequest(request);
    if (known !== undefined) return known;
    try {
      return await sessions.userOf(request);
    } catch (error) {
      if (error instanceof SessionBackendDownError) return undefined;
      throw error;
    }
  };
}
