import { ServiceRegistry } from '../common/status/index.js';
import type { BackplaneConfig } from '../common/config/index.js';
import type { Backend } from './create-backend.js';

/** What is printed once the backend listens: what backs each service, what to try, the token. */
export function banner(backend: Backend, url: string, config: BackplaneConfig): string {
  const statuses = backend.app.get(ServiceRegistry).list();
  const services = statuses.map(({ service, backing }) => `${service} ${backing()}`);
  const isOnRedis = statuses.some(({ backing }) => backing() === 'redis');
  const token = backend.isTokenGenerated
    ? `Admin token  ${backend.adminToken}  (made for this run; set ADMIN_TOKEN to choose it)`
    : 'Admin token  as set in ADMIN_TOKEN';
  return [
    '',
    `Backplane    ${url}  (${modeOf(config, isOnRedis)})`,
    `Services     ${services.join(' · ')}`,
    `Try          curl -i ${url}/api/cached-data?user_id=42`,
    `             curl -i ${url}/api/rate-limited`,
    `             curl    ${url}/health      API page: ${url}/docs`,
    token,
    '',
  ].join('\n');
}

function modeOf({ redis }: BackplaneConfig, isOnRedis: boolean): string {
  if (redis === undefined) return 'embedded: no Redis configured';
  return isOnRedis ? 'on Redis' : 'Redis is configured but away: degraded until it is back';
}
