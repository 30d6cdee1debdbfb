import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';
import type { GateLink, RedisGate } from './gate.js';

/**
 * A server that accepted a connection has this part of the time to answer the first commands, which
 * take two round trips; so that a network that comes back is not waited for in vain.
 */
const HANDSHAKE_SHARE = 0.5;

export interface ClientLinkOptions {
  /** Borrowed clients are watched only. */
  readonly owned: boolean;
  /** From losing a connection to giving up on the next one, however far that got. */
  readonly stuckAfterMs: number;
  readonly probe: () => Promise<void>;
}

/** Connects a gate with the client behind it: reports its ups and downs, destroys its sockets. */
export class ClientLink implements GateLink {
  readonly #client: RedisClient;
  readonly #options: ClientLinkOptions;
  #notReadySince = performance.now();
  #connectedAt = Infinity;
  #stopped = false;
  #lastError: string | undefined;
  #probing: Promise<void> | undefined;

  constructor(client: RedisClient, options: ClientLinkOptions) {
    this.#client = client;
    this.#options = options;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  report(gate: RedisGate): void {
    this.#client.on('ready', () => gate.linkUp());
    // That of a cluster client says that its nodes are known, not that one accepted a connection.
    if (!(this.#client instanceof Cluster)) {
      this.#client.on('connect', () => (this.#connectedAt = performance.now()));
    }
    this.#client.on('close', () => {
      this.#notReadySince = performance.now();
      this.#connectedAt = Infinity;
      this.#probing = undefined;
      gate.linkDown(this.#lastError ?? 'connection lost');
    });
  }

  /** Remembers an error event of one of the connection's clients. */
  noteError(error: unknown): void {
    this.#lastError = errorCode(error);
  }

  isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /**
   * One at a time: as long as a probe is unanswered, whoever asks waits for that one. On a client
   * whose socket is not ours to destroy, each of the others would be one more command that waits.
   */
  probe(): Promise<void> {
    const probing = this.#probing ?? this.#options.probe();
    this.#probing = probing;
    const settled = (): void => {
      if (this.#probing === probing) this.#probing = undefined;
    };
    probing.then(settled, settled);
    return probing;
  }

  destroySockets(): void {
    if (!this.#options.owned || this.#stopped) return;
    this.#notReadySince = performance.now();
    this.#connectedAt = Infinity;
    destroySockets(this.#client);
  }

  dropStuckSockets(): void {
    const { stuckAfterMs } = this.#options;
    const now = performance.now();
    const isMute = now - this.#connectedAt > stuckAfterMs * HANDSHAKE_SHARE;
    if (isMute || now - this.#notReadySince > stuckAfterMs) this.destroySockets();
  }

  stop(): void {
    this.#stopped = true;
  }
}

/** Ends every socket of a client without waiting for a peer that may be frozen. They reconnect. */
export function destroySockets(client: RedisClient): void {
  const nodes: readonly Redis[] = client instanceof Cluster ? client.nodes() : [client];
  for (const node of nodes) {
    // Undefined until the first connection attempt.
    const stream: { destroy(): unknown } | undefined = node.stream;
    stream?.destroy();
  }
}

/** A word for people, such as `ECONNREFUSED` or `NOAUTH`; never a message, which may name hosts. */
function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const message = 'message' in error ? String(error.message) : '';
  const [word = ''] = message.split(' ', 1);
  return /^[A-Z]{3,}$/.test(word) ? word : 'connection error';
}
