import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FaultLink } from './fault/fault-link.js';
import { type TlsIdentity, TlsTerminator } from './fault/tls-terminator.js';
import { pickTestPort } from './test-port.js';

const PORT_ATTEMPTS = 10;

/** Where the proxy leads and how clients reach it. */
export interface FaultProxyOptions {
  /** Port on 127.0.0.1, such as `redis.process.port`. */
  readonly targetPort: number;
  /** Clients speak TLS to the proxy; the target sees plain TCP. @default plain TCP on both sides */
  readonly tls?: TlsIdentity;
}

type Mode = 'pass' | 'black-hole' | 'half-open' | 'refuse';

/**
 * A network between a client and a Redis that can be made to fail in each way networks do.
 *
 * A mode change takes effect on its call, for current and new connections alike unless it says
 * otherwise; the promise only matters when the port has to be opened again. With TLS the faults
 * hit the encrypted bytes, so a handshake can be black-holed too.
 */
export class FaultProxy {
  readonly #options: FaultProxyOptions;
  readonly #links = new Set<FaultLink>();
  #terminator: TlsTerminator | undefined;
  #targetPort: number;
  #listener: Server | undefined;
  #port: number | undefined;
  #mode: Mode = 'pass';
  #delayMs = 0;
  #connections = 0;
  #bytesForwarded = 0;

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#targetPort = options.targetPort;
  }

  /** Opens the port, which stays the same until `stop()`. */
  async start(): Promise<void> {
    const { tls, targetPort } = this.#options;
    if (tls !== undefined) {
      this.#terminator = new TlsTerminator(targetPort, tls);
      this.#targetPort = await this.#terminator.start();
    }
    await this.#open();
  }

  /** Ends all connections and closes the port. May be called twice. */
  async stop(): Promise<void> {
    this.#close();
    for (const link of this.#links) link.destroy();
    const terminator = this.#terminator;
    this.#terminator = undefined;
    await terminator?.stop();
  }

  /** @throws Error before `start()` */
  get port(): number {
    if (this.#port === undefined) throw new Error('The proxy has no port before start()');
    return this.#port;
  }

  /** `redis://127.0.0.1:port`, or `rediss://` with TLS. */
  get url(): string {
    return `${this.#options.tls ? 'rediss' : 'redis'}://127.0.0.1:${this.port}`;
  }

  /** Connections accepted so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Connections that exist now, dead ones included. */
  get openConnections(): number {
    return this.#links.size;
  }

  /** Bytes passed on so far, both directions together. */
  get bytesForwarded(): number {
    return this.#bytesForwarded;
  }

  /**
   * Forwards everything at once again. Connections that were black-holed or lost replies stay
   * dead without a word: bytes are missing from them. New ones work.
   */
  async heal(): Promise<void> {
    await this.#enter('pass');
  }

  /** Holds back each chunk for at least `ms`, each way, connecting excepted; order is kept. */
  async delay(ms: number): Promise<void> {
    await this.#enter('pass', ms);
  }

  /**
   * Accepts and keeps connections but swallows every byte, as when a cable is cut or a firewall
   * forgets a connection. The target does not hear of it when a client gives up: a blocking command
   * stays blocked there, until `stop()` or `reset()`.
   */
  async blackHole(): Promise<void> {
    for (const link of this.#links) link.swallow();
    await this.#enter('black-hole');
  }

  /** Requests arrive and are executed; the replies are lost. */
  async halfOpen(): Promise<void> {
    for (const link of this.#links) link.loseReplies();
    await this.#enter('half-open');
  }

  /** Closes the port: ECONNREFUSED for new connections. Current ones go on; `reset()` ends them. */
  async refuse(): Promise<void> {
    this.#mode = 'refuse';
    this.#delayMs = 0;
    this.#close();
  }

  /** Cuts all current connections with RST. The mode, and so what new ones meet, is unchanged. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  async #enter(mode: Exclude<Mode, 'refuse'>, delayMs = 0): Promise<void> {
    this.#mode = mode;
    this.#delayMs = delayMs;
    if (this.#listener === undefined) await this.#open();
  }

  async #open(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const port = this.#port ?? pickTestPort();
      try {
        this.#listener = await listen(port, (client) => this.#accept(client));
        this.#port = port;
        return;
      } catch (error) {
        if (this.#port !== undefined || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  #close(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  #connect(): Socket {
    return connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
  }

  #accept(client: Socket): void {
    this.#connections += 1;
    const swallowed = this.#mode === 'black-hole';
    const target = swallowed ? undefined : this.#connect();
    const link: FaultLink = new FaultLink(client, target, {
      delayMs: () => this.#delayMs,
      forwarded: (bytes) => (this.#bytesForwarded += bytes),
      closed: () => this.#links.delete(link),
    });
    this.#links.add(link);
    if (this.#mode === 'half-open') link.loseReplies();
    // Accepted by the kernel a moment before the port was closed.
    if (this.#mode === 'refuse') link.reset();
  }
}

/**
 * Opens a port whose sockets do not answer a close by themselves: that is for the link to decide.
 */
async function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, accept);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
