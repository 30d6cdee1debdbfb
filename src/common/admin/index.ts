export { AdminController } from './admin-controller.decorator.js';
export { ADMIN_TOKEN, AdminTokenGuard } from './admin-token.guard.js';
export { jsonView } from './json-view.js';
