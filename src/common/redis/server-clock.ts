/**
 * What time it is on the Redis server at least, known without asking.
 *
 * Every write script carries the server time at which its caller stops waiting and refuses to run
 * from then on: a command that was stuck in a frozen server or network cannot take effect afterwards.
 * For that the estimate must not be ahead of the server; it is the server's time in a reply, counted
 * from when the reply arrived. Being behind by a round trip only shortens the deadline by as much.
 *
 * A server whose clock jumps forward refuses everything as late; its refusal carries the new time, the
 * estimate is corrected, and the caller, who still waits, sends once more. After a jump backward, late
 * commands are refused late by as much, until the next probe of the gate. The nodes of a cluster share
 * one estimate, so its precision there is their clock skew.
 */
export class ServerClock {
  #offsetMs: number | undefined;

  /** Server time, in ms since the epoch, from which a command sent now and given `limitMs` is late. */
  deadline(limitMs: number): number {
    if (this.#offsetMs === undefined) return Number.MAX_SAFE_INTEGER;
    return Math.floor(performance.now() + this.#offsetMs + limitMs);
  }

  /** Starts over. @param receivedAt `performance.now()` when the reply with `serverNowMs` arrived */
  synchronise(serverNowMs: number, receivedAt: number): void {
    this.#offsetMs = serverNowMs - receivedAt;
  }

  /** Improves the estimate with one more reply; the reply that travelled fastest counts. */
  refine(serverNowMs: number, receivedAt: number): void {
    this.#offsetMs = Math.max(this.#offsetMs ?? -Infinity, serverNowMs - receivedAt);
  }
}
