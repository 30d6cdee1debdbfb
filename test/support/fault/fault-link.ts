import type { Socket } from 'node:net';
import { FaultLane, type LaneHooks } from './fault-lane.js';

export interface LinkHooks extends LaneHooks {
  /** Both sockets are gone. */
  closed(): void;
}

/** One connection through the proxy: the client's socket, and ours to the target. */
export class FaultLink {
  readonly #sockets: readonly Socket[];
  readonly #requests: FaultLane | undefined;
  readonly #replies: FaultLane | undefined;
  readonly #closing = new AbortController();

  /** @param target absent for a connection that is swallowed from the start */
  constructor(client: Socket, target: Socket | undefined, hooks: LinkHooks) {
    this.#sockets = target === undefined ? [client] : [client, target];
    for (const socket of this.#sockets) this.#watch(socket, hooks);
    if (target === undefined) {
      client.resume();
      return;
    }
    const { signal } = this.#closing;
    this.#requests = new FaultLane({ from: client, to: target }, hooks, signal);
    this.#replies = new FaultLane({ from: target, to: client }, hooks, signal);
  }

  /** For good: nothing passes in either direction. */
  swallow(): void {
    this.#requests?.cut();
    this.#replies?.cut();
  }

  /** For good: the target receives everything, the client nothing. */
  loseReplies(): void {
    this.#replies?.cut();
  }

  /** Answers with RST on both sides: the client sees ECONNRESET, not an orderly end. */
  reset(): void {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  destroy(): void {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
  }

  #watch(socket: Socket, hooks: LinkHooks): void {
    socket.setNoDelay(true);
    // An error is always followed by 'close', which is where it is dealt with.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#sockets.every((side) => side.destroyed)) hooks.closed();
    });
  }
}
