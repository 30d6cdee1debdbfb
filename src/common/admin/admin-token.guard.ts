import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { headerValue, type HttpRequest } from '../http/index.js';

/** Injection token of the bearer token that opens the admin endpoints. */
export const ADMIN_TOKEN = Symbol('ADMIN_TOKEN');

const SCHEME = /^Bearer +(\S+)$/i;

/**
 * Lets requests with `Authorization: Bearer <token>` through; 401 without a hint for all others.
 */
@Injectable()
export class AdminTokenGuard implements CanActivate {
  readonly #expected: Buffer;

  constructor(@Inject(ADMIN_TOKEN) expected: string) {
    this.#expected = digest(expected);
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const [, token = ''] = SCHEME.exec(headerValue(request, 'authorization') ?? '') ?? [];
    if (!timingSafeEqual(digest(token), this.#expected)) throw new UnauthorizedException();
    return true;
  }
}

/** Equal lengths for the comparison, whatever was sent. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
