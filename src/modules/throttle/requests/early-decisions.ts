/** Admitted or not, or what it was refused with. */
type Decision = { readonly isAdmitted: boolean } | { readonly refusal: unknown };

/** Decisions on requests that were made before these reached their route, each to be used once. */
export class EarlyDecisions {
  readonly #decisions = new WeakMap<object, Decision>();

  /** Keeps what `decide` comes to; only then, since it may ask for an earlier decision itself. */
  async make(request: object, decide: () => Promise<boolean>): Promise<boolean> {
    try {
      const isAdmitted = await decide();
      this.#decisions.set(request, { isAdmitted });
      return isAdmitted;
    } catch (refusal) {
      this.#decisions.set(request, { refusal });
      return false;
    }
  }

  /** `undefined`: none was made. @throws what the request was refused with */
  take(request: object): boolean | undefined {
    const decision = this.#decisions.get(request);
    if (decision === undefined) return undefined;
    this.#decisions.delete(request);
    if ('refusal' in decision) throw decision.refusal;
    return decision.isAdmitted;
  }
}
