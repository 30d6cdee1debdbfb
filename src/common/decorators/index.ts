export { type AnyMethod, DecoratorUnboundError, wrapMethod } from './wrap-method.js';
