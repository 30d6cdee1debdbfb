export { DecoratorUnboundError, wrapMethod } from './wrap-method.js';
