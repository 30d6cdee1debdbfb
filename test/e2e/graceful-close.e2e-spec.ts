import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createBackend } from '../../src/app/create-backend.js';
import { loadConfig } from '../../src/common/config/index.js';
import { listen, PLATFORMS, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { timed } from '../support/stalls.js';

/** Far longer than a close that waits for nothing takes, far shorter than a keep-alive timeout. */
const PROMPT_MS = 2_000;
const SHORT_BOUND_MS = 300;

interface RawResponse {
  write(text: string): unknown;
  end(text: string): unknown;
}

/** What Express hands to a raw route, and what Fastify does. */
type Response = RawResponse & { readonly raw?: RawResponse };

describe.each(PLATFORMS)('closing the backend on %s', (platform) => {
  let server: TestApp;
  let agent: Agent;
  /** Requests that wait for their answer. */
  let waiting: RawResponse[];

  beforeEach(() => {
    agent = new Agent({ keepAlive: true });
    waiting = [];
  });

  afterEach(async () => {
    agent.destroy();
    await server.close();
  });

  async function start(closeTimeoutMs?: number): Promise<void> {
    const bound = closeTimeoutMs === undefined ? {} : { closeTimeoutMs };
    const { app } = await createBackend({ config: loadConfig({}), platform, ...bound });
    const adapter = app.getHttpAdapter();
    adapter.get('/slow', (_request: unknown, response: Response) => {
      waiting.push(response.raw ?? response);
    });
    server = await listen(app);
  }

  function ask(path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      get(`${server.url}${path}`, { agent }, resolve).on('error', reject);
    });
  }

  /** Asks for what is answered only when the test does. */
  async function askSlowly(): Promise<{
    readonly answer: Promise<IncomingMessage>;
    readonly request: RawResponse;
  }> {
    const answer = ask('/slow');
    answer.catch(() => undefined);
    await eventually(() => expect(waiting).toHaveLength(1));
    return { answer, request: waiting[0] as RawResponse };
  }

  async function open(): Promise<Socket> {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  function isRefused(): Promise<unknown> {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    return once(socket, 'connect').then(
      () => socket.destroy() && Promise.reject(new Error('it still accepts')),
      (error: { code: string }) => expect(error.code).toBe('ECONNREFUSED'),
    );
  }

  it('answers a request under way, and accepts no new connection', async () => {
    await start();
    const { answer, request } = await askSlowly();
    const closed = server.close();
    await eventually(isRefused);
    request.end('finished');
    const response = await answer;
    expect(response.headers.connection).toBe('close');
    await expect(text(response)).resolves.toBe('finished');
    expect(await timed(() => closed)).toBeLessThan(PROMPT_MS);
  });

  it('lets an answer that has begun come to its end', async () => {
    await start();
    const { answer, request } = await askSlowly();
    request.write('half of it, ');
    const response = await answer;
    const closed = server.close();
    await eventually(isRefused);
    request.end('and the rest');
    await expect(text(response)).resolves.toBe('half of it, and the rest');
    // Its connection was promised to stay open, and is idle now.
    expect(await timed(() => closed)).toBeLessThan(PROMPT_MS);
  });

  it('is not delayed by connections that are idle', async () => {
    await start();
    await text(await ask('/health/live'));
    const idle: Duplex[] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
    expect(idle).toHaveLength(1);
    const unused = await open();
    expect(await timed(() => server.close())).toBeLessThan(PROMPT_MS);
    unused.destroy();
  });

  it('cuts off at the bound what hangs', async () => {
    await start(SHORT_BOUND_MS);
    const { answer } = await askSlowly();
    const slowSender = await open();
    slowSender.write('POST /nothing HTTP/1.1\r\nHost: lamp\r\n');
    const startedAt = performance.now();
    const tookMs = await timed(() => server.close());
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(SHORT_BOUND_MS - 5);
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(tookMs).toBeLessThan(SHORT_BOUND_MS + PROMPT_MS);
    slowSender.destroy();
  });
});
