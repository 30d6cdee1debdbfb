import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { INestApplication } from '@nestjs/common';
import { createBackend } from '../../src/app/create-backend.js';
import { loadConfig } from '../../src/common/config/index.js';
import type { BackplaneOptions } from '../../src/index.js';
import type { ThrottleOptions } from '../../src/modules/throttle/index.js';
import { resolveThrottleOptions } from '../../src/modules/throttle/throttle.options.js';
import { listen, PLATFORMS } from '../support/app.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Where to send a request, and its target as it stands in the request line. */
interface Target {
  readonly port?: number;
  readonly socketPath?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Unlike `fetch`, sends the target as it is. */
function ask(target: Target): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', agent: false, ...target }, (response) => {
      const { statusCode: status, headers } = response;
      text(response).then((body) => resolve({ status, headers, body }), reject);
    });
    sent.on('error', reject).end();
  });
}

const TWO_A_MINUTE = { default: { limit: 2, window: '1m' } } as const;

async function ask3(target: Target): Promise<readonly (number | undefined)[]> {
  const statuses = [];
  for (let sent = 0; sent < 3; sent += 1) statuses.push((await ask(target)).status);
  return statuses;
}

describe.each(PLATFORMS)('rate limits on %s', (platform) => {
  let app: INestApplication;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'backplane-socket-'));
  });

  afterEach(async () => {
    await app.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function startBackend(
    throttle: ThrottleOptions,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<INestApplication> {
    const adjust = (options: BackplaneOptions) => ({
      ...options,
      throttle: { ...options.throttle, ...throttle },
    });
    ({ app } = await createBackend({ config: loadConfig(environment), platform, adjust }));
    return app;
  }

  it('count clients of a Unix socket, which have no address, as one', async () => {
    const socketPath = join(folder, 'http.sock');
    await (await startBackend(TWO_A_MINUTE)).listen(socketPath);
    expect(await ask3({ socketPath, path: '/api/v1/redis/health' })).toEqual([401, 401, 429]);
  });

  it('tell clients apart that a trusted proxy on a Unix socket forwards', async () => {
    const socketPath = join(folder, 'http.sock');
    await (await startBackend(TWO_A_MINUTE, { TRUST_PROXY: '1' })).listen(socketPath);
    const of = (client: string) => ({
      socketPath,
      path: '/api/v1/redis/health',
      headers: { 'x-forwarded-for': client },
    });
    expect(await ask3(of('192.0.2.1'))).toEqual([401, 401, 429]);
    expect((await ask(of('192.0.2.2'))).status).toBe(401);
  });

  it.each([
    '/docs',
    '/docs/',
    '/DOCS/index.html',
    '/docs-json',
    '/docs-yaml',
    '/docs/swagger-ui-init.js',
    '/docs/swagger-ui.css',
  ])('hold for %s, which Nest does not route', async (path) => {
    const { url } = await listen(await startBackend(TWO_A_MINUTE));
    const port = Number(new URL(url).port);
    const first = await ask({ port, path });
    expect(first.headers).toMatchObject({ 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1' });
    expect(first.headers['x-request-id']).toEqual(expect.any(String));
    expect((await ask({ port, path })).status).toBe(first.status);
    const limited = await ask({ port, path });
    const retryAfter = Number(limited.headers['retry-after']);
    // Less where the machine took its time since the first of the three.
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(limited.status).toBe(429);
    expect(JSON.parse(limited.body)).toEqual({
      error: 'Rate limit exceeded',
      message: 'Too many requests. Limit: 2/min',
      retry_after: retryAfter,
    });
  });

  it('count a request once where what is named outside of the router is not there', async () => {
    const { url } = await listen(await startBackend(TWO_A_MINUTE));
    const target = { port: Number(new URL(url).port), path: '/docs/nothing' };
    expect(await ask3(target)).toEqual([404, 404, 429]);
  });

  it('are not escaped by asking for a whole URL, or by a fragment', async () => {
    const { url } = await listen(
      await startBackend({ routes: [{ path: '/docs-json', limit: 2, window: '1m' }] }),
    );
    const port = Number(new URL(url).port);
    await ask({ port, path: '/docs-json' });
    await ask({ port, path: '/docs-json?again' });
    expect((await ask({ port, path: 'http://lamp/docs-json' })).status).toBe(429);
    expect((await ask({ port, path: '/docs-json#part' })).status).toBe(429);
  });

  it('leave alone what is outside of the router and not named', async () => {
    const backend = await startBackend({ ...TWO_A_MINUTE, outsideRouter: [] });
    const { url } = await listen(backend);
    const port = Number(new URL(url).port);
    expect(await ask3({ port, path: '/docs' })).toEqual([200, 200, 200]);
  });
});

describe('the option outsideRouter', () => {
  it('is refused when it is no path', () => {
    const wrong = () => resolveThrottleOptions({ outsideRouter: ['/docs', 'docs/**/more'] });
    expect(wrong).toThrow(expect.objectContaining({ option: 'throttle.outsideRouter.1' }));
  });
});
