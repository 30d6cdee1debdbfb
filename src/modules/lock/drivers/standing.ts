import type { LockGrant } from '../lock.driver.js';

/** Whether a driver still stands for the hold of one token; all grants of the hold share it. */
export class Standing {
  /** Redis may know the hold: it granted it, or was asked to. */
  isShared = false;
  #isOver = false;
  readonly #listeners = new Set<() => void>();

  /** @param fence of the hold */
  constructor(readonly fence: number | undefined) {}

  /** A grant for so long, as long as nobody calls `end`. */
  grant(remainingMs: number): LockGrant {
    return {
      remainingMs,
      fence: this.fence,
      stands: () => !this.#isOver,
      onLost: (listener) => void this.#listeners.add(listener),
    };
  }

  /** Tells every listener, once. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const listener of this.#listeners) listener();
  }
}
