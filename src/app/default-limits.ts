import type { ThrottleOptions } from '../modules/throttle/index.js';

/**
 * The backend's limits, for each client: its address, or where the work is dear the user, whatever
 * devices the session is on. By route pattern, so that they hold whatever decorators the code of a
 * route carries, and also before the route exists.
 */
export const DEFAULT_LIMITS = {
  default: { limit: 100, window: '1m' },
  outsideRouter: ['/docs/**', '/docs-json', '/docs-yaml'],
  routes: [
    { method: 'POST', path: '/api/v1/ai/chat', limit: 60, window: '1m', by: 'user' },
    { method: 'POST', path: '/api/v1/receipts/scan', limit: 30, window: '1m', by: 'user' },
    { path: '/api/pilot/**', name: '/api/pilot', limit: 5, window: '1m' },
    { method: 'POST', path: '/api/contact', limit: 10, window: '1m' },
  ],
} as const satisfies ThrottleOptions;
