import type { QueueConsumer } from '../queue.driver.js';

/** A consumer of a backend that is not worth starting yet: it begins when there may be jobs. */
export class DeferredConsumer implements QueueConsumer {
  #consumer: QueueConsumer | undefined;
  #isClosed = false;

  constructor(awake: Promise<void>, make: () => QueueConsumer) {
    void awake.then(() => {
      if (!this.#isClosed) this.#consumer = make();
    });
  }

  get active(): number {
    return this.#consumer?.active ?? 0;
  }

  get silentMs(): number {
    return this.#consumer?.silentMs ?? 0;
  }

  async close(drainMs: number): Promise<boolean> {
    this.#isClosed = true;
    return this.#consumer?.close(drainMs) ?? true;
  }
}
