import type { FailoverGate, RedisGate } from '../../../common/redis/index.js';

/** One gate for several masters: closed, so that they are asked, while a majority of theirs is. */
export class QuorumGate implements FailoverGate {
  readonly #gates: readonly RedisGate[];
  readonly #listeners = new Set<() => void>();
  #wasClosed = false;

  constructor(gates: readonly RedisGate[]) {
    this.#gates = gates;
    for (const gate of gates) {
      gate.onOpened(() => this.#look());
      gate.onRecovered(() => this.#look());
    }
  }

  get isClosed(): boolean {
    return this.reachable >= majorityOf(this.#gates.length);
  }

  /** Masters that can be asked now. */
  get reachable(): number {
    return this.#gates.filter(({ isClosed }) => isClosed).length;
  }

  /** Calls `listener` whenever a majority is back. Returns the function that ends it. */
  onRecovered(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #look(): void {
    const { isClosed } = this;
    if (isClosed === this.#wasClosed) return;
    this.#wasClosed = isClosed;
    if (isClosed) for (const listener of this.#listeners) listener();
  }
}

/** Any two majorities have a member in common. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}
