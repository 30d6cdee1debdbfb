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

/** The part of Express that is used; a layer without a route is middleware. */
interface ExpressServer {
  use(hook: RequestHook): unknown;
  readonly router: { readonly stack: ExpressLayer[] };
}

interface ExpressLayer {
  readonly route?: { readonly stack: readonly { readonly handle: Function }[] };
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

/**
 * Runs `hook` for requests on their way to these handlers, after middleware and whatever else was
 * to see them before: on Express in front of the first of the routes, on Fastify as the last of the
 * `onRequest` hooks there are. Other requests come along. Call it when the routes are registered.
 *
 * @param handlers by Nest's names for them, such as `PricesController.list`
 */
export function beforeRoutes(
  adapter: HttpAdapter,
  handlers: ReadonlySet<string>,
  hook: RequestHook,
): void {
  if (adapter.getType() === 'fastify') {
    adapter.getInstance<HookableServer>().addHook('onRequest', hook);
    return;
  }
  const server = adapter.getInstance<ExpressServer>();
  server.use(hook);
  const { stack } = server.router;
  const first = stack.findIndex(({ route }) =>
    route?.stack.some(({ handle }) => handlers.has(handle.name)),
  );
  // Where the routes are in a router of their own the hook stays behind them, and sees nothing.
  if (first !== -1) stack.splice(first, 0, ...stack.splice(-1));
}

function chain(adapter: HttpAdapter, earlier: Function, hook: RequestHook): RequestHook {
  return (request, response, next) => {
    const proceed: Next = (error) => (error ? next(error) : hook(request, response, next));
    return Reflect.apply(earlier, adapter, [request, response, proceed]);
  };
}
