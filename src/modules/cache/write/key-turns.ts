/** Runs what is done to one key in the order of the calls, one at a time; keys do not wait for others. */
export class KeyTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Resolves, or rejects, as `work` does. It must not wait for another turn of its key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
