import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { SubscriptionLink } from '../../src/common/redis/subscription-link.js';
import { eventually } from '../support/eventually.js';

const REPLIES: Readonly<Record<string, string>> = {
  subscribe: '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n',
  ping: '+PONG\r\n',
  info: '$0\r\n\r\n',
};

/** As much of Redis as it takes to lose a connection at a certain command. */
class FlakyServer {
  /** What each connection was asked, in the order in which they were made. */
  readonly asked: string[][] = [];
  readonly sockets: Socket[] = [];
  /** The connection, counted from 0, that is cut when it is asked for a PING. */
  cutAtPing: number | undefined;
  /** The connection that is accepted and never answered. */
  muteAt: number | undefined;
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const at = this.sockets.push(socket) - 1;
    const asked: string[] = [];
    this.asked.push(asked);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const names: string[] = String(chunk).match(/subscribe|ping|info/g) ?? [];
      asked.push(...names);
      if (at === this.muteAt) return;
      const isCut = at === this.cutAtPing && names.includes('ping');
      const answered = isCut ? names.slice(0, names.indexOf('ping')) : names;
      const replies = answered.map((name) => REPLIES[name] ?? '').join('');
      if (replies !== '') socket.write(replies);
      if (isCut) socket.destroySoon();
    });
  }
}

describe('the link of a subscription', () => {
  let server: FlakyServer;
  let client: Redis;

  beforeEach(async () => {
    server = new FlakyServer();
    client = new Redis(await server.start(), '127.0.0.1', {
      protocol: 2,
      disableClientInfo: true,
      autoResubscribe: false,
      maxRetriesPerRequest: null,
      retryStrategy: () => 10,
    });
    client.on('error', () => undefined);
  });

  afterEach(async () => {
    client.disconnect();
    await server.stop();
  });

  it('that is lost again before its proof came works only when it is subscribed again', async () => {
    const restored = jest.fn();
    const link = new SubscriptionLink(client, {
      heartbeatMs: 2_000,
      resubscribe: () => void client.subscribe('c').catch(() => undefined),
      restored,
    });
    await client.subscribe('c');
    link.start();
    server.cutAtPing = 1;
    server.sockets[0]?.destroy();
    // ioredis sends the PING that got no answer again, on a connection that is subscribed to
    // nothing.
    await eventually(() => restored.mock.calls.length > 0);
    expect(server.sockets.length).toBeGreaterThan(2);
    expect(server.asked.at(-1)).toContain('subscribe');
    link.stop();
  });

  it('that comes back to a server which accepts it and then is silent tries another connection', async () => {
    const restored = jest.fn();
    const link = new SubscriptionLink(client, {
      heartbeatMs: 200,
      resubscribe: () => void client.subscribe('c').catch(() => undefined),
      restored,
    });
    await client.subscribe('c');
    link.start();
    server.muteAt = 1;
    server.sockets[0]?.destroy();
    await eventually(() => restored.mock.calls.length > 0);
    expect(server.asked[1]).toEqual(['info']);
    expect(server.asked.at(-1)).toContain('subscribe');
    link.stop();
  });

  it('tells when it was known to work last, and nothing while it is lost or stopped', async () => {
    const restored = jest.fn();
    const link = new SubscriptionLink(client, {
      heartbeatMs: 50,
      resubscribe: () => void client.subscribe('c').catch(() => undefined),
      restored,
    });
    await client.subscribe('c');
    expect(link.provedAt).toBe(-Infinity);
    link.start();
    const startedAt = link.provedAt;
    expect(startedAt).toBeLessThanOrEqual(performance.now());
    await eventually(() => link.provedAt > startedAt);
    link.lose();
    expect(link.provedAt).toBe(-Infinity);
    await eventually(() => restored.mock.calls.length > 0);
    await eventually(() => link.provedAt > startedAt);
    link.stop();
    expect(link.provedAt).toBe(-Infinity);
  });
});
