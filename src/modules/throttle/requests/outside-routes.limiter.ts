import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  type HttpRequest,
  type HttpResponse,
  onEveryRequest,
  type RequestHook,
  requestPath,
} from '../../../common/http/index.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { compileRoutePattern } from './route-pattern.js';
import { THROTTLE_OPTIONS } from '../throttle.module-definition.js';
import type { ResolvedThrottleOptions } from '../throttle.options.js';

interface HookedRequest {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly next: Parameters<RequestHook>[2];
}

/**
 * Limits what is served outside of Nest's router, where no guard runs: pages and files that a
 * package registered on the HTTP adapter itself, such as those of Swagger.
 */
@Injectable()
export class OutsideRoutesLimiter implements OnModuleInit {
  readonly #patterns: readonly ReturnType<typeof compileRoutePattern>[];

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(RateLimitGuard) private readonly guard: RateLimitGuard,
    @Inject(THROTTLE_OPTIONS) { outsideRouter }: ResolvedThrottleOptions,
  ) {
    this.#patterns = outsideRouter.map((path) => compileRoutePattern(path, undefined));
  }

  onModuleInit(): void {
    // Absent in an application context without HTTP, whatever the type says.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (adapter && this.#patterns.length > 0) onEveryRequest(adapter, this.#limit);
  }

  readonly #limit: RequestHook = (request, response, next) => {
    const target = { method: request.method, paths: [requestPath(request)] };
    if (!this.#patterns.some((matches) => matches(target))) {
      next();
      return;
    }
    void this.#check({ request, response, next });
  };

  /** A refusal goes to the error handling of the platform, and with it to the exception filters. */
  async #check({ request, response, next }: HookedRequest): Promise<void> {
    let refusal: Error | undefined;
    try {
      await this.guard.checkUnmatched(request, response);
    } catch (error) {
      refusal = error instanceof Error ? error : new Error(String(error));
    }
    next(refusal);
  }
}
