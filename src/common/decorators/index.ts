export { type DecoratedMethod, decoratedMethods } from './decorated-methods.js';
export { DecoratorUnboundError, wrapMethod } from './wrap-method.js';
