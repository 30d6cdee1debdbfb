import { AsyncLocalStorage } from 'node:async_hooks';
import { RedisBudget } from './redis-budget.js';

/** What belongs to the request that is being answered, wherever the code runs. */
export interface RequestContext {
  readonly requestId: string;
  readonly redisBudget: RedisBudget;
}

const storage = new AsyncLocalStorage<RequestContext | undefined>();

/**
 * The context in which this file was loaded, which is that of nobody: neither ours nor one of the
 * application. A timer keeps the one it was set in, and whatever hangs on it, for as long as it lives.
 */
const outside = AsyncLocalStorage.snapshot();

/** The context of the request being answered; `undefined` outside one (boot, jobs, timers). */
export function currentRequest(): RequestContext | undefined {
  return storage.getStore();
}

/** Runs `work`, and everything it awaits, inside `context`. */
export function runInRequest<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/**
 * Runs `work`, and everything it awaits, on nobody's request and budget, and in nobody's context of
 * any kind: what many callers share.
 */
export function runOutsideRequests<T>(work: () => T): T {
  return outside(work);
}

/**
 * Runs `work` for the same request, if there is one, as if it had used no time for Redis yet: for
 * what goes on when it has been answered.
 */
export function runOnNewBudget<T>(work: () => T): T {
  const request = currentRequest();
  if (request === undefined) return work();
  const redisBudget = new RedisBudget(request.redisBudget.totalMs);
  return runInRequest({ ...request, redisBudget }, work);
}
