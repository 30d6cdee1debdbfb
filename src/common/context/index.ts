export { RedisBudget } from './redis-budget.js';
export {
  currentRequest,
  type RequestContext,
  runInRequest,
  runOnNewBudget,
  runOutsideRequests,
} from './request-context.js';
export { REQUEST_BUDGET_MS, RequestContextBinder } from './request-context.binder.js';
