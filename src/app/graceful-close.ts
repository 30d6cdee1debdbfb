import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How long requests under way may still take once the server closes. Longer than any request of a
 * backend should be; and orchestrators kill after 30 s by default (Kubernetes; our Compose file),
 * of which the hooks before and after need their part.
 */
export const CLOSE_TIMEOUT_MS = 10_000;

/** Closes a server without cutting off the requests that it is answering. */
export interface GracefulClose {
  /**
   * Runs `close`, which makes the server accept no more connections, and resolves when it has.
   * Meanwhile each connection ends with the answer that is under way on it, idle ones at once; what
   * is left after the bound is destroyed, so that no client can hold up a shutdown.
   */
  run(close: () => unknown): Promise<void>;
}

/**
 * Watches a server that does not listen yet.
 *
 * Node closes idle connections when a server closes, but not those that become idle afterwards: a
 * kept-alive connection would hold the shutdown up until its client or its timeout ends it (72 s on
 * Fastify). `Connection: close` on the last answer ends it at once, and tells the client not to
 * send more on it.
 */
export function gracefulClose(server: Server, timeoutMs: number): GracefulClose {
  const sockets = watchSockets(server);
  const answers = new Set<ServerResponse>();
  let isClosing = false;
  // Before the framework's own listener, which may send the headers within the same call.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    answers.add(response);
    response.once('close', () => {
      answers.delete(response);
      // Streams that began before keep their connection alive: by then Node takes it for idle.
      if (isClosing) setImmediate(() => server.closeIdleConnections());
    });
    if (isClosing) makeLast(response);
  });
  return {
    async run(close) {
      isClosing = true;
      for (const response of answers) makeLast(response);
      for (const socket of sockets) if (isUnused(socket)) socket.destroy();
      await withinBound(close, timeoutMs, () => {
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

/** All of them, also those that were upgraded, which Node's `closeAllConnections` leaves open. */
function watchSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/**
 * Opened ahead of need, as browsers do. Node counts it among the busy ones until it has sent bytes.
 */
function isUnused({ bytesRead }: Socket): boolean {
  return bytesRead === 0;
}

function makeLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

async function withinBound(
  close: () => unknown,
  timeoutMs: number,
  atBound: () => void,
): Promise<void> {
  const timer = setTimeout(atBound, timeoutMs);
  try {
    await close();
  } finally {
    clearTimeout(timer);
  }
}
