/** An event in memory. */
export interface Recorded {
  readonly channel: string;
  /** ms since the epoch. */
  readonly publishedAt: number;
  /** Its JSON. */
  readonly text: string;
}

export interface EventLogBounds {
  readonly maxEvents: number;
  /** Of their JSON. */
  readonly maxBytes: number;
}

interface Entry extends Recorded {
  readonly bytes: number;
}

/** The latest events in this process, bounded in number and in bytes; the oldest goes first. */
export class EventLog {
  readonly #bounds: EventLogBounds;
  /** Oldest first, from `#start` on; what is before it is gone. */
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #bytes = 0;

  constructor(bounds: EventLogBounds) {
    this.#bounds = bounds;
  }

  /**
   * Adds the latest.
   * @param horizon ms since the epoch: older events at the other end are let go
   */
  add(event: Recorded, horizon: number): void {
    const bytes = Buffer.byteLength(event.text);
    this.#entries.push({ ...event, bytes });
    this.#bytes += bytes;
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      if (!this.#isTooMuch() && oldest.publishedAt > horizon) break;
      this.#dropOldest(oldest);
    }
  }

  /** The latest first. */
  *newestFirst(): Generator<Recorded> {
    for (let at = this.#entries.length - 1; at >= this.#start; at -= 1) {
      const entry = this.#entries[at];
      if (entry !== undefined) yield entry;
    }
  }

  /** Forgets all events. */
  clear(): void {
    this.#entries = [];
    this.#start = 0;
    this.#bytes = 0;
  }

  #oldest(): Entry | undefined {
    return this.#entries[this.#start];
  }

  #isTooMuch(): boolean {
    const { maxEvents, maxBytes } = this.#bounds;
    return this.#entries.length - this.#start > maxEvents || this.#bytes > maxBytes;
  }

  /**
   * The array moves when half of it is empty, so that one event costs the same however many there
   * are.
   */
  #dropOldest({ bytes }: Entry): void {
    this.#entries[this.#start] = undefined;
    this.#start += 1;
    this.#bytes -= bytes;
    if (2 * this.#start < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#start);
    this.#start = 0;
  }
}
