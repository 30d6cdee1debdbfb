export { headerValue, requestPath, routeTemplate, setHeader } from './http-exchange.js';
export type { HttpRequest, HttpResponse } from './http-exchange.js';
export { BackplaneExceptionFilter, type ErrorBody } from './backplane-exception.filter.js';
export { onEveryRequest, type RequestHook } from './request-hook.js';
