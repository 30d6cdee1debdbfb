import { Inject, type InjectionToken } from '@nestjs/common';
import { BackplaneError } from '../errors/index.js';

/** A decorated method ran on an instance Nest did not build, so the service it needs is missing. */
export class DecoratorUnboundError extends BackplaneError {
  readonly code = 'E_DECORATOR_UNBOUND';

  constructor(
    readonly decorator: string,
    readonly method: string,
  ) {
    super(
      `${decorator} on ${method} has no service to work with: the instance was not built by Nest. ` +
        'Provide the class itself instead of useFactory or useValue, and import the module of the decorator.',
    );
  }
}

export type AnyMethod = (this: object, ...args: unknown[]) => unknown;

export interface MethodWrapper<Service> {
  /** Such as `@Cached`; for errors. */
  readonly decorator: string;
  /** What Nest injects into every instance of the class for the decorator. */
  readonly token: InjectionToken<Service>;
  /** Makes the new method. `serviceOf` finds the injected service of an instance. */
  readonly wrap: (original: AnyMethod, serviceOf: (instance: object) => Service) => AnyMethod;
}

/**
 * Builds a method decorator that needs a service, for methods of any provider.
 *
 * The service is injected as a property, so the module that provides it has to be global. The new
 * method keeps name, length and all reflect metadata of the old one, so that it can stand above or
 * below other decorators.
 */
export function wrapMethod<Service>(wrapper: MethodWrapper<Service>): MethodDecorator {
  const property = Symbol(wrapper.decorator);
  return (target, key, descriptor: PropertyDescriptor) => {
    Inject(wrapper.token)(target, property);
    const original = descriptor.value as AnyMethod;
    const name = `${target.constructor.name}.${String(key)}`;
    const serviceOf = (instance: object): Service => {
      const service = Reflect.get(instance, property) as Service | undefined;
      if (service === undefined) throw new DecoratorUnboundError(wrapper.decorator, name);
      return service;
    };
    descriptor.value = disguise(wrapper.wrap(original, serviceOf), original);
  };
}

function disguise(wrapped: AnyMethod, original: AnyMethod): AnyMethod {
  Object.defineProperty(wrapped, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapped, 'length', { value: original.length, configurable: true });
  for (const key of Reflect.getMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapped);
  }
  return wrapped;
}
