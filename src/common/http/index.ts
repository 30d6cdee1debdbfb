export { headerValue, requestPath, routeTemplate, setHeader } from './http-exchange.js';
export type { HeaderValue, HttpRequest, HttpResponse } from './http-exchange.js';
export {
  type BodyResponse,
  isReadOnce,
  noBody,
  type RawBody,
  rawBody,
  rawBodyOf,
  responseBody,
} from './response-body.js';
export { BackplaneExceptionFilter, type ErrorBody } from './backplane-exception.filter.js';
export { onAnswered, onEnded, onHandedOver } from './on-answered.js';
export { trustsEverybody } from './trusted-proxies.js';
export { beforeRoutes, onEveryRequest, type RequestHook } from './request-hook.js';
export { DECIDE_EARLY, type EarlyGuard, isEarlyGuard } from './early-guard.js';
