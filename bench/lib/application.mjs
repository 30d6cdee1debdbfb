import { Controller, Get, Module } from '@nestjs/common';
import { PATH, PAYLOAD } from '../settings.mjs';

/** How often the route's own code ran; a cache that hits does not run it. */
export const handler = { runs: 0 };

/**
 * The application under test: one controller with one route, and what a contender adds to it.
 *
 * This is plain JavaScript, so decorators are called by hand: `on.method` and `on.class` are what
 * would stand above the method and the class.
 */
export function createApplication({ imports = [], providers = [], on = {} } = {}) {
  class ProductsController {
    list() {
      handler.runs += 1;
      return PAYLOAD;
    }
  }
  const method = Object.getOwnPropertyDescriptor(ProductsController.prototype, 'list');
  for (const decorator of [Get(), ...(on.method ?? [])]) {
    decorator(ProductsController.prototype, 'list', method);
  }
  for (const decorator of [Controller(PATH), ...(on.class ?? [])]) decorator(ProductsController);

  class AppModule {}
  Module({ imports, providers, controllers: [ProductsController] })(AppModule);
  return AppModule;
}
