import { Inject, Injectable } from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { type CacheWarmContext, type WarmPlan, warmPlanOf } from './cache-warm.decorator.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A decorated method of one provider. */
export interface WarmUp extends WarmPlan {
  readonly name: string;
  readonly run: (context: CacheWarmContext) => Promise<unknown>;
}

/** Finds every `@CacheWarm`. */
@Injectable()
export class WarmExplorer {
  readonly #scanner = new MetadataScanner();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  /** @throws InvalidOptionError where two have one name */
  find(): readonly WarmUp[] {
    const found = this.#wrappers().flatMap((wrapper) => this.#explore(wrapper));
    const names = new Set<string>();
    for (const { name } of found) {
      if (names.has(name)) {
        throw new InvalidOptionError('@CacheWarm.name', `is needed: two are called "${name}"`);
      }
      names.add(name);
    }
    return found;
  }

  /** An instance under several tokens is one; of an alias, what it points to is found by itself. */
  #wrappers(): readonly Wrapper[] {
    const seen = new Set<unknown>();
    const all = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    return all.filter((wrapper) => {
      const subject: unknown = isShared(wrapper) ? wrapper.instance : wrapper;
      if (wrapper.isAlias || typeof subject !== 'object' || subject === null) return false;
      return !seen.has(subject) && seen.add(subject);
    });
  }

  #explore(wrapper: Wrapper): readonly WarmUp[] {
    const prototype = prototypeOf(wrapper);
    if (prototype === undefined) return [];
    const className = prototype.constructor?.name ?? 'anonymous';
    return this.#scanner.getAllMethodNames(prototype).flatMap((method) => {
      const plan = warmPlanOf(Reflect.get(prototype, method) as object);
      if (plan === undefined) return [];
      const run = async (context: CacheWarmContext): Promise<unknown> => {
        const instance = await this.#instanceOf(wrapper);
        return Reflect.apply(Reflect.get(instance, method) as Function, instance, [context]);
      };
      return [{ ...plan, name: plan.name ?? `${className}.${method}`, run }];
    });
  }

  /** A request-scoped provider gets an instance for each run. */
  #instanceOf(wrapper: Wrapper): object | Promise<object> {
    if (isShared(wrapper)) return wrapper.instance as object;
    const scope = ContextIdFactory.create();
    return this.modules.resolve<object>(wrapper.token, scope, { strict: false });
  }
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
