import type { MessageEvent } from '@nestjs/common';
import type { Subscriber } from 'rxjs';

/** What is asked of a client's connection. */
export interface StreamSocket {
  /** The client does not read: what is written waits in memory. */
  readonly writableNeedDrain: boolean;
  once(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
  destroy(): unknown;
}

export interface StreamFeedOptions {
  readonly socket: StreamSocket;
  /** Messages that wait for a slow client; beyond it they are dropped. */
  readonly maxWaiting: number;
  readonly heartbeatMs: number;
  /** One message was dropped. */
  readonly dropped: () => void;
}

/**
 * Feeds one SSE client as fast as it reads. Nest queues whatever an observable emits, so nothing is
 * emitted while the socket is full: messages wait here, a bounded number of them. One is sent in
 * each turn of the event loop, because only then the socket shows what the last one did to it.
 */
export class StreamFeed {
  readonly #client: Subscriber<MessageEvent>;
  readonly #options: StreamFeedOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #waiting: MessageEvent[] = [];
  #dropped = 0;
  #isPumping = false;

  constructor(client: Subscriber<MessageEvent>, options: StreamFeedOptions) {
    this.#client = client;
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs).unref();
  }

  push(message: MessageEvent): void {
    if (this.#client.closed) return;
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#dropped += 1;
      this.#options.dropped();
      return;
    }
    this.#waiting.push(message);
    this.#pump();
  }

  /** Completes the stream; the connection of a client that does not read is cut. */
  end(): void {
    if (this.#options.socket.writableNeedDrain) this.#options.socket.destroy();
    this.#client.complete();
  }

  /** Lets go of everything. */
  close(): void {
    clearInterval(this.#heartbeat);
    this.#options.socket.off('drain', this.#onDrain);
    this.#waiting = [];
  }

  readonly #onDrain = (): void => {
    this.#isPumping = false;
    this.#pump();
  };

  #pump(): void {
    if (this.#isPumping || this.#client.closed) return;
    if (this.#waiting.length === 0 && this.#dropped === 0) return;
    this.#isPumping = true;
    if (this.#options.socket.writableNeedDrain) {
      this.#options.socket.once('drain', this.#onDrain);
      return;
    }
    this.#client.next(this.#waiting.shift() ?? this.#confess());
    setImmediate(this.#onDrain);
  }

  #confess(): MessageEvent {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { type: 'dropped', data: { dropped } };
  }

  /** A proxy closes what is silent; a client that does not read is not silent. */
  #beat(): void {
    if (this.#waiting.length === 0) this.push({ comment: 'heartbeat' });
  }
}
