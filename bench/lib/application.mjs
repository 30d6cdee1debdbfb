import { Controller, Get, Inject, Module } from '@nestjs/common';
import { PATH, PAYLOAD } from '../settings.mjs';

/** How often the route's own code ran; a cache that hits does not run it. */
export const handler = { runs: 0 };

/**
 * The application under test: one controller with one route, and what a contender adds to it.
 *
 * This is plain JavaScript, so decorators are called by hand: `on.method`, `on.class` and
 * `on.parameter` are what would stand above the method and the class, and before its one parameter.
 */
export function createApplication({
  imports = [],
  providers = [],
  controllers = [],
  middleware = [],
  on = {},
  answer = () => PAYLOAD,
} = {}) {
  class ProductsController {
    run(argument) {
      handler.runs += 1;
      return answer(argument);
    }
  }
  const products = createController(ProductsController, {
    path: PATH,
    on: { ...on, method: [Get(), ...(on.method ?? [])] },
  });

  class AppModule {}
  Module({ imports, providers, controllers: [products, ...controllers] })(AppModule);
  return { module: AppModule, middleware };
}

/** Makes a class with a method `run` a controller. */
export function createController(type, { path, inject = [], on }) {
  const method = Object.getOwnPropertyDescriptor(type.prototype, 'run');
  for (const decorator of on.method) decorator(type.prototype, 'run', method);
  on.parameter?.(type.prototype, 'run', 0);
  inject.forEach((token, index) => Inject(token)(type, undefined, index));
  for (const decorator of [Controller(path), ...(on.class ?? [])]) decorator(type);
  return type;
}
