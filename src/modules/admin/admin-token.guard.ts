import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { headerValue, type HttpRequest } from '../../common/http/index.js';
import { ADMIN_OPTIONS } from './admin.module-definition.js';
import type { ResolvedAdminOptions } from './admin.options.js';

const SCHEME = /^Bearer +(\S+)$/i;

/** Lets requests with `Authorization: Bearer <token>` through; 401 without a hint for all others. */
@Injectable()
export class AdminTokenGuard implements CanActivate {
  readonly #expected: Buffer;

  constructor(@Inject(ADMIN_OPTIONS) options: ResolvedAdminOptions) {
    this.#expected = digest(options.token);
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
