import { ServiceRegistry } from '../common/status/index.js';
import type { Backend } from './create-backend.js';

/** What is printed once the backend listens: what backs each service, what to try, the token. */
export function banner(backend: Backend, url: string, mode: string): string {
  const services = backend.app
    .get(ServiceRegistry)
    .list()
    .map(({ service, backing }) => `${service} ${backing()}`);
  const token = backend.isTokenGenerated
    ? `Admin token  ${backend.adminToken}  (made for this run; set ADMIN_TOKEN to choose it)`
    : 'Admin token  as set in ADMIN_TOKEN';
  return [
    '',
    `Backplane    ${url}  ${mode}`,
    `Services     ${services.join(' · ')}`,
    `Try          curl -i ${url}/api/cached-data?user_id=42`,
    `             curl -i ${url}/api/rate-limited`,
    `             curl    ${url}/health      API page: ${url}/docs`,
    token,
    '',
  ].join('\n');
}
