import { type ArgumentsHost, Catch, Inject, NotFoundException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { BackplaneExceptionFilter } from '../common/http/index.js';
import { RateLimitGuard } from '../modules/throttle/index.js';

/** Limits requests for paths that no route answers (yet), which guards never see. */
@Catch(NotFoundException)
export class UnmatchedRouteFilter extends BackplaneExceptionFilter {
  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(RateLimitGuard) private readonly limits: RateLimitGuard,
  ) {
    super(host);
  }

  override async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    try {
      await this.limits.checkUnmatched(http.getRequest(), http.getResponse());
      await super.catch(error, host);
    } catch (limited) {
      await super.catch(limited, host);
    }
  }
}
