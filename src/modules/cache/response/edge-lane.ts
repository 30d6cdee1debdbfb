import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  beforeRoutes,
  DECIDE_EARLY,
  type EarlyGuard,
  type HttpRequest,
  type RequestHook,
} from '../../../common/http/index.js';
import { hitOutcome } from './cache-status.js';
import { EdgeAnswers, type EdgeEntry } from './edge-answers.js';
import { EdgeRoutes } from './edge-routes.js';
import type { LiveResponse } from './handler-headers.js';
import { isFastifyReply, sendAtOnce } from './send-at-once.js';
import { sendStored } from './send-stored.js';

interface HookedRequest {
  readonly request: HttpRequest;
  readonly response: LiveResponse;
  readonly next: Parameters<RequestHook>[2];
}

/**
 * Answers requests of edge routes where this process holds a fresh answer: after middleware, before
 * guards, interceptors and the handler. Anything else takes the ordinary way.
 */
@Injectable()
export class EdgeLane implements OnApplicationBootstrap {
  #guards: readonly EarlyGuard[] = [];

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(EdgeRoutes) private readonly routes: EdgeRoutes,
    @Inject(EdgeAnswers) private readonly answers: EdgeAnswers,
  ) {}

  /** After other hooks, so that those see what is answered here. @throws InvalidOptionError */
  onApplicationBootstrap(): void {
    // Absent in an application context without HTTP, whatever the type says.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    const { handlers, guards } = this.routes.check();
    if (!adapter || handlers.size === 0) return;
    this.#guards = guards;
    beforeRoutes(adapter, handlers, this.#hook);
  }

  readonly #hook: RequestHook = (request, response, next) => {
    const entry = this.answers.find(request);
    if (entry === undefined) next();
    else if (this.#guards.length === 0) this.#answer({ request, response, next }, entry);
    else void this.#answerIfAdmitted({ request, response, next }, entry);
  };

  async #answerIfAdmitted(hooked: HookedRequest, entry: EdgeEntry): Promise<void> {
    const { request, response, next } = hooked;
    // Limits are named by it; the router would put the same there.
    if (entry.template !== undefined) Reflect.set(request, 'route', entry.template);
    const { owner, handler } = entry;
    const context = new ExecutionContextHost([request, response, next], owner, handler);
    for (const guard of this.#guards) {
      if (await guard[DECIDE_EARLY](context)) continue;
      next();
      return;
    }
    this.#answer(hooked, entry);
  }

  #answer({ request, response, next }: HookedRequest, entry: EdgeEntry): void {
    const found = this.answers.answer(entry);
    if (found === undefined) {
      next();
      return;
    }
    const target = { request, response, isFinal: true };
    const outcome = hitOutcome(found);
    if (isFastifyReply(response)) sendAtOnce(request, response, { stored: found.value, outcome });
    else this.host.httpAdapter.reply(response, sendStored(target, found.value, outcome));
  }
}
