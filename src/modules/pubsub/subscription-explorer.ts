import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import type { PubSubHandler } from './dispatcher.js';
import type { Topic } from './pubsub.receiver.js';
import { PubSubService } from './pubsub.service.js';
import { subscriptionsOf } from './subscribe.decorator.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A decorated method of one provider. */
interface Found {
  readonly topic: Topic;
  readonly method: string;
  readonly instance: () => object | Promise<object>;
  readonly className: string;
}

/** Finds every `@Subscribe` when the application starts, and subscribes. */
@Injectable()
export class SubscriptionExplorer implements OnApplicationBootstrap {
  readonly #scanner = new MetadataScanner();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(PubSubService) private readonly pubsub: PubSubService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const found = this.#wrappers().flatMap((wrapper) => this.#explore(wrapper));
    await Promise.all(
      found.map((one) =>
        this.pubsub.listen(one.topic, handlerOf(one), `${one.className}.${one.method}`),
      ),
    );
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

  #explore(wrapper: Wrapper): readonly Found[] {
    const prototype = prototypeOf(wrapper);
    if (prototype === undefined) return [];
    const className = prototype.constructor?.name ?? 'anonymous';
    return this.#scanner.getAllMethodNames(prototype).flatMap((method) => {
      const topics = subscriptionsOf(Reflect.get(prototype, method) as object);
      const instance = () => this.#instanceOf(wrapper);
      return topics.map((topic) => ({ topic, method, instance, className }));
    });
  }

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

/**
 * Instances that have to be made first are waited for in the order of the events. One that cannot
 * be made is told at once: a rejection that somebody listens to only later ends the process.
 */
function handlerOf({ instance, method }: Found): PubSubHandler {
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
