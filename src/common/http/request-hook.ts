import type { HttpAdapterHost } from '@nestjs/core';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

type HttpAdapter = HttpAdapterHost['httpAdapter'];

type Next = (error?: Error) => void;

/** Looks at a request and calls `next`; what `next` starts runs in the hook's async context. */
export type RequestHook = (request: HttpRequest, response: HttpResponse, next: Next) => void;

/** The part of a Fastify instance that is used. */
interface HookableServer {
  addHook(name: 'onRequest', hook: RequestHook): unknown;
}

/**
 * Runs `hook` for every request before middleware, body parsers and routes see it. Hooks run in the
 * order in which they were added.
 *
 * On Express, middleware added by a module comes after the routes and so never sees their requests.
 * Nest's adapter has one slot for what comes first; a hook that is already there stays.
 */
export function onEveryRequest(adapter: HttpAdapter, hook: RequestHook): void {
  if (adapter.getType() === 'fastify') {
    adapter.getInstance<HookableServer>().addHook('onRequest', hook);
    return;
  }
  // The slot can be set but not read in Nest's types.
  const earlier: unknown = Reflect.get(adapter, 'onRequestHook');
  adapter.setOnRequestHook(typeof earlier === 'function' ? chain(adapter, earlier, hook) : hook);
}

function chain(adapter: HttpAdapter, earlier: Function, hook: RequestHook): RequestHook {
  return (request, response, next) => {
    const proceed: Next = (error) => (error ? next(error) : hook(request, response, next));
    return Reflect.apply(earlier, adapter, [request, response, proceed]);
  };
}
