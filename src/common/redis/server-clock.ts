/**
 * What time it is on the Redis server, estimated without asking.
 *
 * Every write script carries the server time after which nobody waits for it any more and refuses to
 * run later: a command that was stuck in a frozen server or network cannot take effect minutes
 * afterwards. A wrong estimate is harmless: a script that refuses reports the server's time, the
 * estimate is corrected, and the caller, who still waits, sends it once more.
 */
export class ServerClock {
  #offsetMs: number | undefined;

  /** Server time, in ms since the epoch, at which a command sent now and given `limitMs` is too late. */
  deadline(limitMs: number): number {
    if (this.#offsetMs === undefined) return Number.MAX_SAFE_INTEGER;
    return Math.ceil(performance.now() + this.#offsetMs + limitMs);
  }

  /** @param sentAt `performance.now()` when the command that brought `serverNowMs` was sent */
  synchronise(serverNowMs: number, sentAt: number): void {
    this.#offsetMs = serverNowMs - sentAt;
  }

  /**
   * Corrects the estimate after a refusal. Never lowers it: the nodes of a cluster have a clock
   * each, and the estimate has to satisfy the fastest.
   */
  raise(serverNowMs: number, sentAt: number): void {
    this.#offsetMs = Math.max(this.#offsetMs ?? -Infinity, serverNowMs - sentAt);
  }
}
