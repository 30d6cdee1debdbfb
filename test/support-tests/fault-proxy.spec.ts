import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { FaultProxy, type FaultProxyOptions } from '../support/fault-proxy.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { startStandalone } from '../support/redis/redis-standalone.js';

const TLS_FOLDER = join(process.cwd(), 'test/support/fixtures/tls');
const SILENCE_MS = 300;

type ClientOptions = Pick<
  RedisOptions,
  'commandTimeout' | 'connectionName' | 'retryStrategy' | 'tls'
>;

describe('the fault proxy', () => {
  const redis = useStarted(() => startStandalone());
  const clients: Redis[] = [];
  const sockets: Socket[] = [];
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await startProxy();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy.stop();
  });

  it('passes everything on and counts it', async () => {
    const client = connect();
    const value = 'é'.repeat(1_000_000);
    const key = uniquePrefix();
    await client.set(key, value);
    expect(await client.get(key)).toBe(value);
    expect(proxy.connections).toBe(1);
    expect(proxy.bytesForwarded).toBeGreaterThan(2 * 2_000_000);
  });

  it('ends the connection on one side when the other side ends it', async () => {
    const client = connect();
    await client.quit();
    await eventually(() => proxy.openConnections === 0);
  });

  it('delays each way and keeps the order when the delay shrinks', async () => {
    const client = connect();
    await client.ping();
    await proxy.delay(80);
    const begin = performance.now();
    const key = uniquePrefix();
    const first = client.rpush(key, 'first');
    await eventually(() => performance.now() - begin > 10);
    await proxy.heal();
    const second = client.rpush(key, 'second');
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(80);
    await proxy.delay(50);
    const again = performance.now();
    await client.ping();
    expect(performance.now() - again).toBeGreaterThanOrEqual(100);
  });

  it('swallows everything in a black hole, and what was in it stays dead after healing', async () => {
    const client = connect({ commandTimeout: SILENCE_MS });
    const key = uniquePrefix();
    await client.set(key, 'before');
    await proxy.blackHole();
    await expect(client.set(key, 'lost')).rejects.toThrow('timed out');
    await proxy.heal();
    await expect(client.get(key)).rejects.toThrow('timed out');
    expect(client.status).toBe('ready');
    expect(await connect().get(key)).toBe('before');
  });

  it('accepts connections into the black hole without a word, for good', async () => {
    await proxy.blackHole();
    const socket = await openSocket();
    const events: string[] = [];
    for (const event of ['data', 'end', 'close', 'error']) {
      socket.on(event, () => events.push(event));
    }
    socket.write('PING\r\n');
    await proxy.heal();
    socket.write('PING\r\n');
    await connect().ping();
    expect(events).toEqual([]);
    expect(proxy.bytesForwarded).toBeGreaterThan(0);
  });

  it('does not tell the target that a black-holed client has gone', async () => {
    const client = connect({ connectionName: uniquePrefix() });
    await client.ping();
    await proxy.blackHole();
    client.disconnect();
    await eventually(() => client.status === 'end');
    await proxy.heal();
    const names = String(await connect().client('LIST'));
    expect(names).toContain(String(client.options.connectionName));
  });

  it('executes requests but loses the replies when half open', async () => {
    const client = connect({ commandTimeout: SILENCE_MS });
    const key = uniquePrefix();
    await client.ping();
    await proxy.halfOpen();
    await expect(client.set(key, 'arrived')).rejects.toThrow('timed out');
    await proxy.heal();
    expect(await connect().get(key)).toBe('arrived');
    await expect(client.ping()).rejects.toThrow('timed out');
  });

  it('resets current connections and lets new ones pass', async () => {
    const client = connect({ retryStrategy: () => 10 });
    await client.ping();
    const socket = await openSocket();
    const failure = once(socket, 'error');
    await eventually(() => proxy.openConnections === 2);
    proxy.reset();
    expect(await failure).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(await client.ping()).toBe('PONG');
    expect(proxy.connections).toBe(3);
  });

  it('refuses new connections on the closed port, which is the same after healing', async () => {
    const client = connect();
    await client.ping();
    const { port } = proxy;
    await proxy.refuse();
    await expect(openSocket()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await client.ping()).toBe('PONG');
    await proxy.heal();
    expect(proxy.port).toBe(port);
    expect(await connect().ping()).toBe('PONG');
  });

  it('opens the port again when refusing turns into another fault', async () => {
    await proxy.refuse();
    await proxy.blackHole();
    const socket = await openSocket();
    expect(socket.readyState).toBe('open');
  });

  it('ends the client when the target is down', async () => {
    const dead = await startProxy({ targetPort: 1 });
    try {
      const socket = await openSocket(dead.port);
      await once(socket.resume(), 'close');
    } finally {
      await dead.stop();
    }
  });

  it('terminates TLS for clients that check the certificate', async () => {
    const cert = readFileSync(join(TLS_FOLDER, 'cert.pem'));
    const key = readFileSync(join(TLS_FOLDER, 'key.pem'));
    const secure = await startProxy({ targetPort: redis().process.port, tls: { cert, key } });
    try {
      expect(secure.url).toBe(`rediss://127.0.0.1:${secure.port}`);
      const client = connect({ tls: { ca: cert }, retryStrategy: () => 10 }, secure);
      expect(await client.ping()).toBe('PONG');
      secure.reset();
      expect(await client.ping()).toBe('PONG');
      await secure.blackHole();
      await expect(within(SILENCE_MS, client.ping())).rejects.toThrow('silence');
      const mistrusting = connect({ tls: { ca: [] }, retryStrategy: () => null }, secure);
      await secure.heal();
      await expect(mistrusting.ping()).rejects.toThrow();
    } finally {
      for (const client of clients.splice(0)) client.disconnect();
      await secure.stop();
    }
  });

  it('holds nothing open after stop, whatever state it was in', async () => {
    const client = connect();
    await client.ping();
    await proxy.delay(60_000);
    const waiting = client.ping();
    waiting.catch(() => undefined);
    await proxy.blackHole();
    await openSocket();
    await proxy.stop();
    await proxy.stop();
    await eventually(() => proxy.openConnections === 0);
    await expect(openSocket()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  async function startProxy(
    options: FaultProxyOptions = { targetPort: redis().process.port },
  ): Promise<FaultProxy> {
    const started = new FaultProxy(options);
    await started.start();
    return started;
  }

  function connect(options: ClientOptions = {}, through = proxy): Redis {
    const client = new Redis(through.url, { disconnectTimeout: 100, ...options });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  async function openSocket(port = proxy.port): Promise<Socket> {
    const socket = connectSocket(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    return socket.on('error', () => undefined);
  }
});

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('silence')), ms);
  });
  promise.catch(() => undefined);
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}
