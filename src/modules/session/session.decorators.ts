import {
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
  UseGuards,
} from '@nestjs/common';
import { SessionGuard, type SessionRequest } from './session.guard.js';

/**
 * Closes a route, or each route of a controller, to clients without a valid session cookie.
 *
 * @example
 * @RequireSession()
 * @Get('me')
 * me(@CurrentSession() session: Session) {}
 */
export function RequireSession(): ClassDecorator & MethodDecorator {
  return applyDecorators(UseGuards(SessionGuard));
}

/** The session of the request, as `SessionGuard` found it; `undefined` where it did not run. */
export const CurrentSession = createParamDecorator(
  (_nothing: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<SessionRequest>().session,
);
