import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { type DecoratedMethod, decoratedMethods } from '../../common/decorators/index.js';
import type { PubSubHandler } from './dispatcher.js';
import { PubSubService } from './pubsub.service.js';
import { subscriptionsOf } from './subscribe.decorator.js';

/** Finds every `@Subscribe` when the application starts, and subscribes. */
@Injectable()
export class SubscriptionExplorer implements OnApplicationBootstrap {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(PubSubService) private readonly pubsub: PubSubService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { discovery, modules, pubsub } = this;
    const found = decoratedMethods({ discovery, modules }, subscriptionsOf);
    await Promise.all(
      found.flatMap((one) =>
        one.mark.map((topic) =>
          pubsub.listen(topic, handlerOf(one), `${one.className}.${one.method}`),
        ),
      ),
    );
  }
}

/**
 * Instances that have to be made first are waited for in the order of the events. One that cannot
 * be made is told at once: a rejection that somebody listens to only later ends the process.
 */
function handlerOf({ instance, method }: DecoratedMethod<unknown>): PubSubHandler {
  let before: Promise<unknown> = Promise.resolve();
  const call = (target: object, args: readonly unknown[]): unknown =>
    Reflect.apply(Reflect.get(target, method) as Function, target, args);
  return (...args) => {
    const target = instance();
    if (!(target instanceof Promise)) return call(target, args);
    const turn = before;
    before = target.then(
      () => turn,
      () => turn,
    );
    return target.then((ready) => turn.then(() => call(ready, args)));
  };
}
