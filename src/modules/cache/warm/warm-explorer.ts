import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { type DecoratedMethod, decoratedMethods } from '../../../common/decorators/index.js';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { type CacheWarmContext, type WarmPlan, warmPlanOf } from './cache-warm.decorator.js';

/** A decorated method of one provider. */
export interface WarmUp extends WarmPlan {
  readonly name: string;
  readonly run: (context: CacheWarmContext) => Promise<unknown>;
}

/** Finds every `@CacheWarm`. */
@Injectable()
export class WarmExplorer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  /** @throws InvalidOptionError where two have one name */
  find(): readonly WarmUp[] {
    const { discovery, modules } = this;
    const found = decoratedMethods({ discovery, modules }, warmPlanOf).map(warmUpOf);
    const names = new Set<string>();
    for (const { name } of found) {
      if (names.has(name)) {
        throw new InvalidOptionError('@CacheWarm.name', `is needed: two are called "${name}"`);
      }
      names.add(name);
    }
    return found;
  }
}

/** A request-scoped provider gets an instance for each run. */
function warmUpOf({ mark, className, method, instance }: DecoratedMethod<WarmPlan>): WarmUp {
  const run = async (context: CacheWarmContext): Promise<unknown> => {
    const target = await instance();
    return Reflect.apply(Reflect.get(target, method) as Function, target, [context]);
  };
  return { ...mark, name: mark.name ?? `${className}.${method}`, run };
}
