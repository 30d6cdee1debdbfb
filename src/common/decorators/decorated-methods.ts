import {
  ContextIdFactory,
  type DiscoveryService,
  MetadataScanner,
  type ModuleRef,
} from '@nestjs/core';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A decorated method of one provider or controller. */
export interface DecoratedMethod<Mark> {
  /** What its decorator left on it. */
  readonly mark: Mark;
  readonly className: string;
  readonly method: string;
  /** One that everybody has; of a request-scoped provider a new one with every call. */
  readonly instance: () => object | Promise<object>;
}

/** Where Nest tells what an application consists of. */
export interface Surroundings {
  readonly discovery: DiscoveryService;
  readonly modules: ModuleRef;
}

/**
 * Every method of the application, of providers and controllers, on which a decorator left a mark.
 * An instance under several tokens counts once.
 */
export function decoratedMethods<Mark>(
  surroundings: Surroundings,
  markOf: (method: object) => Mark | undefined,
): readonly DecoratedMethod<Mark>[] {
  const scanner = new MetadataScanner();
  return wrappersOf(surroundings.discovery).flatMap((wrapper) => {
    const prototype = prototypeOf(wrapper);
    if (prototype === undefined) return [];
    const className = prototype.constructor?.name ?? 'anonymous';
    const instance = () => instanceOf(wrapper, surroundings.modules);
    return scanner.getAllMethodNames(prototype).flatMap((method) => {
      const mark = markOf(Reflect.get(prototype, method) as object);
      return mark === undefined ? [] : [{ mark, className, method, instance }];
    });
  });
}

/** Of an alias, what it points to is found by itself. */
function wrappersOf(discovery: DiscoveryService): readonly Wrapper[] {
  const seen = new Set<unknown>();
  const all = [...discovery.getProviders(), ...discovery.getControllers()];
  return all.filter((wrapper) => {
    const subject: unknown = isShared(wrapper) ? wrapper.instance : wrapper;
    if (wrapper.isAlias || typeof subject !== 'object' || subject === null) return false;
    return !seen.has(subject) && seen.add(subject);
  });
}

function instanceOf(wrapper: Wrapper, modules: ModuleRef): object | Promise<object> {
  if (isShared(wrapper)) return wrapper.instance as object;
  return modules.resolve<object>(wrapper.token, ContextIdFactory.create(), { strict: false });
}

/** One instance for everybody, which is there already. */
function isShared(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

function prototypeOf(wrapper: Wrapper): object | undefined {
  const owner: unknown = isShared(wrapper)
    ? Object.getPrototypeOf(wrapper.instance)
    : wrapper.metatype?.prototype;
  return typeof owner === 'object' && owner !== null ? owner : undefined;
}
