const TICK_MS = 10;
/** Shorter delays are the event loop's ordinary work. */
const STALL_MS = 25;

/**
 * How long this process was kept from running, by a busy machine: delays of a timer. A request that
 * hangs on Redis does not delay timers, so what it waits is never taken for a stall.
 */
export class Stalls {
  #totalMs = 0;
  #expectedAt = performance.now() + TICK_MS;
  readonly #timer = setInterval(() => this.#settle(), TICK_MS);

  /** Up to this moment: a stall may be over before its timer has run. */
  get totalMs(): number {
    this.#settle();
    return this.#totalMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #settle(): void {
    const now = performance.now();
    const lateMs = now - this.#expectedAt;
    if (lateMs < 0) return;
    if (lateMs > STALL_MS) this.#totalMs += lateMs;
    this.#expectedAt = now + TICK_MS;
  }
}

/** How long `work` took, without the time in which this process did not get to run. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const stalls = new Stalls();
  const startedAt = performance.now();
  try {
    await work();
    return performance.now() - startedAt - stalls.totalMs;
  } finally {
    stalls.stop();
  }
}
