/** One load under way; callers that come meanwhile share its result. */
export interface Flight<T> {
  readonly result: Promise<T>;
  /** `true` once the key was invalidated: the result may be handed out but not stored. */
  readonly isStale: () => boolean;
}

/**
 * Runs one load for a key at a time in this process. A load that is invalidated while it runs is
 * left to finish for those who wait already; who comes after the invalidation starts a new one.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** Joins the load under way, or starts `load`, which is told how to find out that it is stale. */
  run(key: string, load: (isStale: () => boolean) => Promise<T>): Promise<T> {
    const current = this.#flights.get(key);
    if (current !== undefined) return current.result;
    const isStale = (): boolean => this.#flights.get(key) !== flight;
    const result = Promise.resolve()
      .then(() => load(isStale))
      .finally(() => {
        if (!isStale()) this.#flights.delete(key);
      });
    const flight: Flight<T> = { result, isStale };
    this.#flights.set(key, flight);
    return result;
  }

  invalidate(key: string): void {
    this.#flights.delete(key);
  }

  invalidateMatching(matches: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (matches(key)) this.#flights.delete(key);
  }
}
