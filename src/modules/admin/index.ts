export { AdminModule } from './admin.module.js';
export type { AdminOptions } from './admin.options.js';
export { AdminTokenGuard } from './admin-token.guard.js';
