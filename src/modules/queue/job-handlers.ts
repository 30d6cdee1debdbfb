import { Inject, Injectable, type Type } from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { JobHandler, RunningJob } from './queue.driver.js';
import { JOB_PROCESSOR, ON_JOB, type ProcessorMetadata } from './queue.decorators.js';
import { DuplicateJobHandlerError, QueueUnknownJobError } from './queue.errors.js';

/** What the application does with one queue. */
export interface ProcessedQueue {
  readonly queue: string;
  readonly concurrency: number;
  readonly handler: JobHandler;
}

type Run = (job: RunningJob) => Promise<unknown>;

/** Finds the classes with `@JobProcessor` and their handlers. */
@Injectable()
export class JobHandlers {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  /** Queues that will be processed; known before any provider is made. */
  queues(): readonly string[] {
    return [...new Set(this.#processors().map(([, { queue }]) => queue))];
  }

  /**
   * One entry for each queue, whatever the number of its classes.
   * @throws DuplicateJobHandlerError
   */
  collect(): readonly ProcessedQueue[] {
    const queues = new Map<string, { concurrency: number; handlers: Map<string, Run> }>();
    for (const [wrapper, { queue, concurrency }] of this.#processors()) {
      const known = queues.get(queue) ?? { concurrency: 1, handlers: new Map<string, Run>() };
      known.concurrency = Math.max(known.concurrency, concurrency);
      this.#addHandlers(wrapper, queue, known.handlers);
      queues.set(queue, known);
    }
    return [...queues].map(([queue, { concurrency, handlers }]) => ({
      queue,
      concurrency,
      handler: dispatch(queue, handlers),
    }));
  }

  #processors(): readonly (readonly [InstanceWrapper, ProcessorMetadata])[] {
    return this.discovery.getProviders().flatMap((wrapper) => {
      const type = classOf(wrapper);
      const metadata: unknown = type && Reflect.getMetadata(JOB_PROCESSOR, type);
      return metadata === undefined ? [] : [[wrapper, metadata as ProcessorMetadata] as const];
    });
  }

  #addHandlers(wrapper: InstanceWrapper, queue: string, handlers: Map<string, Run>): void {
    const type = classOf(wrapper);
    if (type === undefined) return;
    const prototype = type.prototype as object;
    for (const method of this.scanner.getAllMethodNames(prototype)) {
      const target: unknown = Reflect.get(prototype, method);
      const job: unknown =
        typeof target === 'function' ? Reflect.getMetadata(ON_JOB, target) : undefined;
      if (typeof job !== 'string') continue;
      if (handlers.has(job)) throw new DuplicateJobHandlerError(queue, job);
      handlers.set(job, (running) => this.#call(wrapper, method, running));
    }
  }

  async #call(wrapper: InstanceWrapper, method: string, job: RunningJob): Promise<unknown> {
    const instance = await this.#instanceOf(wrapper);
    // Looked up on the instance: what wraps methods there, such as a test's spy, is honoured.
    const handler: unknown = Reflect.get(instance, method);
    if (typeof handler !== 'function') throw new TypeError(`${method} is not a method any more`);
    return Reflect.apply(handler, instance, [job.payload, job]);
  }

  async #instanceOf(wrapper: InstanceWrapper): Promise<object> {
    if (wrapper.isDependencyTreeStatic()) return wrapper.instance as object;
    const context = ContextIdFactory.create();
    return this.modules.resolve<object>(wrapper.token as Type<object>, context, { strict: false });
  }
}

function dispatch(queue: string, handlers: ReadonlyMap<string, Run>): JobHandler {
  return async (job) => {
    const handler = handlers.get(job.name);
    if (handler === undefined) throw new QueueUnknownJobError(queue, job.name);
    return handler(job);
  };
}

/** Of a factory or a value, the class is known by what it made. */
function classOf(wrapper: InstanceWrapper): Type<object> | undefined {
  const isMade = !wrapper.metatype || wrapper.inject;
  const type: unknown = isMade
    ? (wrapper.instance as object | undefined)?.constructor
    : wrapper.metatype;
  return typeof type === 'function' ? (type as Type<object>) : undefined;
}
