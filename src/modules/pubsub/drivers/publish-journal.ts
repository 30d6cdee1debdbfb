import type { FailoverJournal } from '../../../common/redis/index.js';
import type { EventDraft } from '../envelope.js';
import type { PubSubDriver } from '../pubsub.driver.js';

/** The events published while Redis was away, oldest first; up to a number, then no more are taken. */
export class PublishJournal implements FailoverJournal<PubSubDriver> {
  readonly #maxEvents: number;
  readonly #drafts = new Map<string, EventDraft>();

  /** @param maxEvents 0: nothing is kept */
  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  get isEmpty(): boolean {
    return this.#drafts.size === 0;
  }

  /** Nothing is ever outdated: an event has a place of its own. */
  readonly sequence = 0;

  /** Whether the event will be sent when Redis is back. */
  has(id: string): boolean {
    return this.#drafts.has(id);
  }

  record(method: keyof PubSubDriver, args: readonly unknown[]): void {
    if (method !== 'publish' || this.#drafts.size >= this.#maxEvents) return;
    const draft = args[0] as EventDraft;
    this.#drafts.set(draft.id, draft);
  }

  /** Everything, while anything waits: a later event must not overtake one that was kept. */
  covers(): boolean {
    return !this.isEmpty;
  }

  isOutdated(): boolean {
    return false;
  }

  /** Sends one after the other, so that order is kept; what fails stays, first in line. */
  async replay(primary: PubSubDriver): Promise<void> {
    for (const [id, draft] of this.#drafts) {
      await primary.publish(draft);
      this.#drafts.delete(id);
    }
  }
}
