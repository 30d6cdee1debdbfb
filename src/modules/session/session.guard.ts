import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common';
import { currentRequest } from '../../common/context/index.js';
import type { HttpRequest } from '../../common/http/index.js';
import type { Authentication, Session } from './session.js';
import { type CookieResponse, SessionCookies } from './session-cookies.js';
import { SessionBackendDownError } from './session.errors.js';
import { SessionService } from './session.service.js';

/** A request that the guard has let through. */
export interface SessionRequest extends HttpRequest {
  session?: Session;
  user?: unknown;
}

/**
 * Lets requests with a valid session cookie through; 401 for all others, 503 where that cannot be
 * told because Redis is away. Sets `request.session` and, if nobody else did, `request.user` to
 * `{ id }`. Sends the cookie again when the session was renewed.
 *
 * An invalid cookie is left with the client: after an outage it may be valid again.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(SessionCookies) private readonly cookies: SessionCookies,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') throw unauthorized();
    const http = context.switchToHttp();
    const request = http.getRequest<SessionRequest>();
    const cookieValue = this.cookies.read(request);
    const found = cookieValue === undefined ? undefined : await this.#authenticate(cookieValue);
    if (found === undefined || cookieValue === undefined) throw unauthorized();
    const { session, isRenewed } = found;
    request.session = session;
    request.user ??= { id: session.userId };
    if (isRenewed) this.cookies.set(http.getResponse<CookieResponse>(), { session, cookieValue });
    return true;
  }

  async #authenticate(cookieValue: string): Promise<Authentication | undefined> {
    try {
      return await this.sessions.authenticate(cookieValue);
    } catch (error) {
      if (!(error instanceof SessionBackendDownError)) throw error;
      const body = errorBody('Service unavailable', error.message, error.code);
      throw new ServiceUnavailableException(body, { cause: error });
    }
  }
}

function unauthorized(): UnauthorizedException {
  const message = 'There is no valid session. Sign in first.';
  return new UnauthorizedException(errorBody('Unauthorized', message, 'E_SESSION_REQUIRED'));
}

function errorBody(error: string, message: string, code: string) {
  return { error, message, code, request_id: currentRequest()?.requestId };
}
