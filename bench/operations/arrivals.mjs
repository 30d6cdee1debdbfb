import { EVENT } from '../settings.mjs';

/** Numbers what is sent, and knows when each of it has arrived at the handler. */
export class Arrivals {
  #sequence = 0;
  #waiting = new Map();

  /** The handler. */
  arrive = (payload) => {
    this.#waiting.get(payload.sequence)?.(payload);
    this.#waiting.delete(payload.sequence);
  };

  /** Resolves when `send` is done and the payload has arrived, to what was sent and what came. */
  async roundTrip(send) {
    this.#sequence += 1;
    const sent = { ...EVENT, sequence: this.#sequence };
    const arrived = new Promise((resolve) => this.#waiting.set(sent.sequence, resolve));
    const [got] = await Promise.all([arrived, send(sent)]);
    return { sent, got };
  }
}
