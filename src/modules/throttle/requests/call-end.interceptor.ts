import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { finalize, type Observable } from 'rxjs';

const ON_END = Symbol('what the rate limit guard does when the handler is done');

/**
 * Has `listener` called when the handler of the call is done, where it has `CallEndInterceptor`. Nest
 * makes the arguments anew for every call, and gives the same to its guards and interceptors (but not
 * over HTTP, where the response ends).
 */
export function onHandlerEnd(context: ExecutionContext, listener: () => void): void {
  Reflect.set(context.getArgs(), ON_END, listener);
}

/**
 * Tells the guard when a handler is done that has no response to watch: a message of a gateway, a
 * resolver of GraphQL. What a handler streams is part of it.
 */
export class CallEndInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const listener: unknown = Reflect.get(context.getArgs(), ON_END);
    const answer = next.handle();
    return typeof listener === 'function' ? answer.pipe(finalize(() => void listener())) : answer;
  }
}
