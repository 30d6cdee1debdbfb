/** One load under way; callers that come meanwhile share its result. */
export interface Flight<T> {
  readonly result: Promise<T>;
  /** Place in the order of all that began. */
  readonly number: number;
  /** What the result is made for; others do not share it. */
  readonly kind: object;
}

/**
 * Runs one load for a key at a time in this process. A load that is let go is left to finish for
 * those who wait already; who comes after that starts a new one.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  #latest = 0;

  /** Number of the flight that began last: whatever begins from now on has a greater one. */
  get latest(): number {
    return this.#latest;
  }

  find(key: string, kind: object): Flight<T> | undefined {
    const flight = this.#flights.get(key);
    return flight?.kind === kind ? flight : undefined;
  }

  /** Starts `load`; who joins meanwhile gets the same outcome. */
  start(key: string, kind: object, load: () => Promise<T>): Flight<T> {
    this.#latest += 1;
    const result = Promise.resolve()
      .then(load)
      .finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      });
    const flight: Flight<T> = { result, number: this.#latest, kind };
    this.#flights.set(key, flight);
    return flight;
  }

  /** Nobody joins the loads of these keys any more. */
  letGo(matches: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (matches(key)) this.#flights.delete(key);
  }

  letGoOf(keys: readonly string[]): void {
    for (const key of keys) this.#flights.delete(key);
  }
}
