export { AdminController, AdminTokenGuard } from '../../common/admin/index.js';
export { AdminModule } from './admin.module.js';
export type { AdminOptions } from './admin.options.js';
