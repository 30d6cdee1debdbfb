import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { InvalidOptionError } from '../../../common/errors/index.js';
import type { UnnamedLimit } from './request-limit.options.js';
import { disagreement, type SharedLimit } from './shared-counters.js';
import { RATE_LIMITS } from '../throttle.decorators.js';
import { THROTTLE_OPTIONS } from '../throttle.module-definition.js';
import type { ResolvedThrottleOptions } from '../throttle.options.js';

/** A limit that has a name, and where it stands. */
interface PlacedLimit extends SharedLimit {
  readonly place: string;
}

/**
 * Refuses to start where limits of one name contradict each other, on whichever routes they stand:
 * the counter they share would forget for one what it should remember for the other.
 */
@Injectable()
export class SharedNamesCheck implements OnApplicationBootstrap {
  readonly #scanner = new MetadataScanner();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(THROTTLE_OPTIONS) private readonly options: ResolvedThrottleOptions,
  ) {}

  onApplicationBootstrap(): void {
    const limits = [...this.#configured(), ...this.#decorated()];
    const found = disagreement(limits);
    if (found === undefined) return;
    const place = limits[found.index]?.place ?? '@RateLimit';
    throw new InvalidOptionError(`${place}.${found.option}`, found.problem);
  }

  #configured(): readonly PlacedLimit[] {
    const { default: fallback, routes } = this.options;
    return [
      ...named(
        'throttle.default',
        fallback === undefined ? [] : [{ ...fallback, name: fallback.name ?? 'default' }],
      ),
      ...named(
        'throttle.routes',
        routes.map(({ limit }) => limit),
      ),
    ];
  }

  #decorated(): readonly PlacedLimit[] {
    const wrappers = [...this.discovery.getControllers(), ...this.discovery.getProviders()];
    const classes = new Set(wrappers.map(({ metatype }) => metatype).filter(isClass));
    return [...classes].flatMap((type) => this.#limitsOf(type));
  }

  #limitsOf(type: Function): readonly PlacedLimit[] {
    const prototype: unknown = type.prototype;
    const methods =
      typeof prototype === 'object' && prototype !== null
        ? this.#scanner.getAllMethodNames(prototype)
        : [];
    return [
      ...named(`@RateLimit of ${type.name}`, limitsOn(type)),
      ...methods.flatMap((method) =>
        named(
          `@RateLimit of ${type.name}.${method}`,
          limitsOn(Reflect.get(Object(prototype), method)),
        ),
      ),
    ];
  }
}

function isClass(value: unknown): value is Function {
  return typeof value === 'function';
}

function limitsOn(target: unknown): readonly UnnamedLimit[] {
  if (!isClass(target)) return [];
  return (Reflect.getMetadata(RATE_LIMITS, target) as readonly UnnamedLimit[] | undefined) ?? [];
}

/** Those without a name are named by their route, and share with nobody. */
function named(place: string, limits: readonly UnnamedLimit[]): readonly PlacedLimit[] {
  return limits.flatMap(({ name, ...rest }) =>
    name === undefined ? [] : [{ ...rest, name, place }],
  );
}
