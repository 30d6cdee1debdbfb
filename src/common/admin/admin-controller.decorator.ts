import { applyDecorators, Controller, UseGuards } from '@nestjs/common';
import { AdminTokenGuard } from './admin-token.guard.js';

/**
 * A controller of the REST interface for operators, at `/api/v1/redis/<path>`, closed by the admin
 * token. `AdminModule` mounts it; a module that declares one never mounts it by itself.
 */
export function AdminController(path: string): ClassDecorator {
  return applyDecorators(Controller(`api/v1/redis/${path}`), UseGuards(AdminTokenGuard));
}
