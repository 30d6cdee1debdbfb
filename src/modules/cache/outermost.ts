import type { ExecutionContext } from '@nestjs/common';
import { INTERCEPTORS_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig } from '@nestjs/core';

/** Does no other interceptor see what `interceptor`, of a method, returns? */
export function isOutermost(
  interceptor: Function,
  context: ExecutionContext,
  application: ApplicationConfig,
): boolean {
  return (
    application.getGlobalInterceptors().length === 0 &&
    application.getGlobalRequestInterceptors().length === 0 &&
    interceptorsOf(context.getClass()).length === 0 &&
    interceptorsOf(context.getHandler())[0] === interceptor
  );
}

function interceptorsOf(target: Function): readonly unknown[] {
  const found: unknown = Reflect.getMetadata(INTERCEPTORS_METADATA, target);
  return Array.isArray(found) ? found : [];
}
