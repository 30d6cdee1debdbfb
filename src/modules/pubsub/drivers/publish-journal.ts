import { type FailoverJournal, RedisUnavailableError } from '../../../common/redis/index.js';
import type { EventDraft } from '../envelope.js';
import type { PubSubDriver } from '../pubsub.driver.js';

export interface PublishJournalOptions {
  /** Events kept at most; 0: nothing is kept. */
  readonly maxEvents: number;
  /** Bytes of their JSON at most. */
  readonly maxBytes: number;
  /** Redis is well and refuses an event for what it is: it will never be sent. */
  readonly dropped: (draft: EventDraft, error: unknown) => void;
}

/** An event that Redis has not confirmed. */
interface Kept {
  readonly draft: EventDraft;
  readonly bytes: number;
}

/**
 * Sent at once. Far more than a connection needs to be kept busy, and no more than one call may
 * weigh: all of a batch have to be answered within the deadline of one publish. Where they were
 * not, the next has half.
 */
const MAX_BATCH = { events: 100, bytes: 256 * 1024 };

/** And each after it this much more: too much is found out by missed deadlines, which others feel. */
const GROWTH = 0.02;

/**
 * The events published while Redis was away, oldest first; up to a number and a size, then no more
 * are taken.
 *
 * They are sent in batches, without waiting for one another, over the one connection that keeps the
 * order. An event waits until it was sent, not until that is confirmed: what is published to its
 * channel afterwards follows it on the same connection. So the last batch ends the replay however
 * much is published meanwhile.
 */
export class PublishJournal implements FailoverJournal<PubSubDriver> {
  readonly #options: PublishJournalOptions;
  /** Until confirmed, so that what has to be sent again is still in its place. */
  readonly #kept = new Map<string, Kept>();
  /** Events that wait to be sent, of each channel that has any. */
  readonly #waiting = new Map<string, number>();
  #bytes = 0;
  /** Of a whole batch, what is tried now. */
  #share = 1;

  constructor(options: PublishJournalOptions) {
    this.#options = options;
  }

  /** Whether Redis has confirmed everything. */
  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  /** Nothing is ever outdated: an event has a place of its own. */
  readonly sequence = 0;

  /** Whether the event is to be sent when Redis is back, or on its way. */
  has(id: string): boolean {
    return this.#kept.has(id);
  }

  record(method: keyof PubSubDriver, args: readonly unknown[]): void {
    if (method !== 'publish' || this.#kept.size >= this.#options.maxEvents) return;
    const draft = args[0] as EventDraft;
    const bytes = Buffer.byteLength(draft.head);
    if (this.#bytes + bytes > this.#options.maxBytes) return;
    this.#bytes += bytes;
    this.#kept.set(draft.id, { draft, bytes });
    this.#count(draft.channel, 1);
  }

  /**
   * A later event of a channel must not overtake one that waits. Questions are answered by Redis:
   * it has what others published, which this process may have missed.
   */
  covers(method: keyof PubSubDriver, args: readonly unknown[]): boolean {
    return method === 'publish' && this.#waiting.has((args[0] as EventDraft).channel);
  }

  isOutdated(): boolean {
    return false;
  }

  /** What Redis did not take for being away goes back to where it was. */
  async replay(primary: PubSubDriver): Promise<void> {
    while (!this.isEmpty) {
      const outcomes = await Promise.all(this.#nextBatch().map((one) => this.#send(one, primary)));
      const away = outcomes.find((outcome) => outcome !== undefined);
      this.#share = away === undefined ? Math.min(1, this.#share + GROWTH) : this.#share / 2;
      if (away !== undefined) throw away;
    }
  }

  /** The oldest; none is on its way between two batches. */
  #nextBatch(): readonly Kept[] {
    const batch: Kept[] = [];
    let bytes = 0;
    for (const one of this.#kept.values()) {
      bytes += one.bytes;
      const isFull =
        batch.length >= MAX_BATCH.events * this.#share || bytes > MAX_BATCH.bytes * this.#share;
      if (isFull && batch.length > 0) break;
      batch.push(one);
    }
    return batch;
  }

  /** Resolves to the error where Redis is away. */
  async #send(one: Kept, primary: PubSubDriver): Promise<RedisUnavailableError | undefined> {
    const { draft } = one;
    this.#count(draft.channel, -1);
    try {
      await primary.publish(draft);
    } catch (error) {
      if (error instanceof RedisUnavailableError) {
        // At once: whatever is published to the channel from now on has to wait behind it.
        this.#count(draft.channel, 1);
        return error;
      }
      this.#options.dropped(draft, error);
    }
    this.#kept.delete(draft.id);
    this.#bytes -= one.bytes;
    return undefined;
  }

  #count(channel: string, change: 1 | -1): void {
    const count = (this.#waiting.get(channel) ?? 0) + change;
    if (count === 0) this.#waiting.delete(channel);
    else this.#waiting.set(channel, count);
  }
}
