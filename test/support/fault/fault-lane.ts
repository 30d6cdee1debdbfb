import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a lane must know of the proxy it belongs to. */
export interface LaneHooks {
  /** Delay for a chunk that arrives now; 0 forwards it at once. */
  delayMs(): number;
  forwarded(bytes: number): void;
}

interface LaneEnds {
  readonly from: Socket;
  readonly to: Socket;
}

/**
 * One direction of a connection: moves chunks from one socket to another, in order.
 *
 * TCP never loses bytes in the middle of a stream, so a lane that was cut stays cut: resuming it
 * would let a client take the reply to one command for the reply to another.
 */
export class FaultLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #hooks: LaneHooks;
  readonly #closing: AbortSignal;
  #cut = false;
  #waiting = 0;
  #queue: Promise<void> = Promise.resolve();

  /** @param closing drops what still waits, and its timer */
  constructor({ from, to }: LaneEnds, hooks: LaneHooks, closing: AbortSignal) {
    this.#from = from;
    this.#to = to;
    this.#hooks = hooks;
    this.#closing = closing;
    from.on('data', (chunk: Buffer) => this.#enqueue(hooks.delayMs(), () => this.#write(chunk)));
    from.on('end', () => this.#enqueue(0, () => this.#whenWhole(() => to.end())));
    // Without an 'end' before it: the sender was reset.
    from.on('close', () => this.#enqueue(0, () => this.#whenWhole(() => to.destroySoon())));
  }

  /** From now on nothing passes, neither bytes nor the news that the sender has closed. */
  cut(): void {
    this.#cut = true;
    // The sender's bytes are taken and thrown away, so that it notices nothing.
    this.#from.resume();
  }

  #enqueue(ms: number, step: () => void): void {
    if (this.#cut) return;
    if (ms === 0 && this.#waiting === 0) {
      step();
      return;
    }
    // Steps wait behind each other, so a shorter delay never lets one overtake.
    const due = performance.now() + ms;
    this.#waiting += 1;
    this.#queue = this.#queue.then(() => this.#runAt(due, step));
  }

  async #runAt(due: number, step: () => void): Promise<void> {
    // Node's timers count whole milliseconds and may fire up to one early; one more makes the delay
    // a minimum that a test can rely on.
    const left = Math.max(Math.ceil(due - performance.now()) + 1, 0);
    // Rejects only because the link closes; then there is nobody left to write to.
    await delay(left, undefined, { signal: this.#closing }).then(step, () => undefined);
    this.#waiting -= 1;
  }

  #write(chunk: Buffer): void {
    if (this.#cut || this.#to.destroyed) return;
    this.#hooks.forwarded(chunk.length);
    if (this.#to.write(chunk)) return;
    this.#from.pause();
    this.#to.once('drain', () => this.#from.resume());
  }

  #whenWhole(close: () => void): void {
    if (!this.#cut) close();
  }
}
