/** Events watched at once; beyond it the oldest is forgotten. Twice what a buffer may hold. */
const MAX_WATCHED = 20_000;

interface Watched {
  /** Those that had the event. */
  readonly topics: Set<string>;
  isKept: boolean;
}

/**
 * Keeps an event from reaching the handlers of a topic twice: once because this process delivered
 * it itself, Redis being away, and once because Redis had taken it all the same, or got it later.
 *
 * Only events are watched whose publish is under way, has an unknown outcome, or is to be repeated;
 * so for those of others the cost is one look-up.
 */
export class OnceGuard {
  readonly #watched = new Map<string, Watched>();

  /** The event may reach topics twice from now on. */
  watch(id: string): void {
    if (this.#watched.has(id)) return;
    this.#watched.set(id, { topics: new Set(), isKept: false });
    if (this.#watched.size <= MAX_WATCHED) return;
    const [oldest] = this.#watched.keys();
    if (oldest !== undefined) this.#watched.delete(oldest);
  }

  /** A watched event is delivered by this process itself: it stays watched. */
  keep(id: string): void {
    const watched = this.#watched.get(id);
    if (watched !== undefined) watched.isKept = true;
  }

  /** It can come by one way only, unless it is kept. */
  forget(id: string): void {
    if (this.#watched.get(id)?.isKept === false) this.#watched.delete(id);
  }

  /** Whether the topic may have the event; `false` when it had it. */
  claim(id: string, topic: string): boolean {
    const topics = this.#watched.get(id)?.topics;
    if (topics === undefined) return true;
    if (topics.has(topic)) return false;
    topics.add(topic);
    return true;
  }
}
