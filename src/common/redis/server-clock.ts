/**
 * How much faster than the server's clock ours may run, 500 ppm: what an NTP daemon corrects at
 * most, and several times what quartz clocks differ by.
 */
const DRIFT_PER_MS = 500e-6;

/**
 * What time it is on the Redis server at least, known without asking.
 *
 * Every write script carries the server time at which its caller stops waiting and refuses to run
 * from then on: a command that was stuck in a frozen server or network cannot take effect
 * afterwards. For that the estimate must not be ahead of the server; it is the server's time in a
 * reply, counted from when the reply arrived by a clock that is taken to run 500 ppm fast. Being
 * behind by a round trip, or by what that takes off with time, only shortens the deadline by as
 * much.
 *
 * A command that is refused as late although its caller still waits shows that the estimate is
 * behind: the refusal carries the server's time, the estimate is corrected, and the caller sends
 * once more. That corrects the drift without a timer, at one round trip more in (deadline ÷ 500
 * ppm), which is 100 s for a deadline of 50 ms; and it copes with a server whose clock jumps
 * forward, when everything is late. After a jump backward, late commands are refused late by as
 * much, until the next probe of the gate. The nodes of a cluster share one estimate, so its
 * precision there is their clock skew.
 */
export class ServerClock {
  #best: Measurement | undefined;

  /**
   * Server time, in ms since the epoch, from which a command sent now and given `limitMs` is late.
   */
  deadline(limitMs: number): number {
    if (this.#best === undefined) return Number.MAX_SAFE_INTEGER;
    const now = performance.now();
    return Math.floor(now + offsetAt(now, this.#best) + limitMs);
  }

  /**
   * Starts over.
   * @param receivedAt `performance.now()` when the reply with `serverNowMs` arrived
   */
  synchronise(serverNowMs: number, receivedAt: number): void {
    this.#best = { offsetMs: serverNowMs - receivedAt, takenAt: receivedAt };
  }

  /** Improves the estimate with one more reply, unless an earlier one still tells more. */
  refine(serverNowMs: number, receivedAt: number): void {
    const known = this.#best === undefined ? -Infinity : offsetAt(receivedAt, this.#best);
    if (serverNowMs - receivedAt > known) this.synchronise(serverNowMs, receivedAt);
  }
}

/** The difference between the two clocks, at least, when the reply arrived. */
interface Measurement {
  readonly offsetMs: number;
  readonly takenAt: number;
}

function offsetAt(now: number, { offsetMs, takenAt }: Measurement): number {
  return offsetMs - (now - takenAt) * DRIFT_PER_MS;
}
