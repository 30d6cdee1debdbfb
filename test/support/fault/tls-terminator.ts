import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';

/** Certificate and private key in PEM. */
export interface TlsIdentity {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** Speaks TLS to the client and plain TCP to the target, as a managed Redis does at its edge. */
export class TlsTerminator {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number, identity: TlsIdentity) {
    this.#targetPort = targetPort;
    this.#server = createServer({ cert: identity.cert, key: identity.key });
    // The raw socket too: a handshake that never ends must not hold up stop().
    this.#server.on('connection', (socket: Socket) => this.#track(socket));
    this.#server.on('secureConnection', (client) => this.#join(client));
  }

  /** Listens and resolves with the port. */
  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('TCP address expected');
    return address.port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket): void {
    const target = connect(this.#targetPort, '127.0.0.1').setNoDelay(true);
    this.#track(client);
    this.#track(target);
    client.pipe(target).pipe(client);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroySoon());
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // An error is always followed by 'close'.
    socket.on('error', () => undefined);
  }
}
