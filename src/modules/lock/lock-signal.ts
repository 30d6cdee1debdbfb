/**
 * A signal that tells the truth also when timers are late: `aborted` and `throwIfAborted` look for
 * themselves. Where the event loop was blocked, or the process stopped, the code that runs first
 * after it finds the signal aborted; its listeners are called then, or by `abort`.
 */
export class LookingSignal {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #whyOver: () => Error | undefined;

  /** @param whyOver why it has to be aborted by now; `undefined` as long as it has not */
  constructor(whyOver: () => Error | undefined) {
    this.#whyOver = whyOver;
    const { signal } = this.#controller;
    const { prototype } = AbortSignal;
    this.signal = Object.defineProperties(signal, {
      aborted: { get: () => this.#looked(() => Reflect.get(prototype, 'aborted', signal)) },
      reason: { get: () => this.#looked(() => Reflect.get(prototype, 'reason', signal)) },
      throwIfAborted: { value: () => this.#looked(() => prototype.throwIfAborted.call(signal)) },
    });
  }

  /** Looks, and calls the listeners where it is time. */
  look(): void {
    const isAborted: unknown = Reflect.get(AbortSignal.prototype, 'aborted', this.signal);
    const reason = isAborted === true ? undefined : this.#whyOver();
    if (reason !== undefined) this.#controller.abort(reason);
  }

  #looked<T>(read: () => T): T {
    this.look();
    return read();
  }
}
