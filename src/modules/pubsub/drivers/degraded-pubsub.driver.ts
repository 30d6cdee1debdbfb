import type { EventDraft, PubSubEvent } from '../envelope.js';
import type { OnceGuard } from '../once-guard.js';
import type {
  ChannelSummary,
  PublishOutcome,
  PubSubDriver,
  RecentQuery,
} from '../pubsub.driver.js';
import { PubSubBackendDownError } from '../pubsub.errors.js';
import type { PubSubFailurePolicy } from '../pubsub.options.js';
import type { PublishJournal } from './publish-journal.js';

export interface DegradedPubSubDriverOptions {
  readonly memory: PubSubDriver;
  readonly policy: PubSubFailurePolicy;
  readonly journal: PublishJournal;
  readonly once: OnceGuard;
}

/** What answers while Redis is away: handlers of this process are served, and the policy decides. */
export class DegradedPubSubDriver implements PubSubDriver {
  readonly #options: DegradedPubSubDriverOptions;

  constructor(options: DegradedPubSubDriverOptions) {
    this.#options = options;
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const { memory, policy, journal, once } = this.#options;
    const isBuffered = journal.has(draft.id);
    // What was never sent, and will not be, has no echo.
    if (isBuffered) once.watch(draft.id);
    once.keep(draft.id);
    const outcome = await memory.publish(draft);
    switch (policy) {
      case 'local':
        return outcome;
      case 'reject':
        throw new PubSubBackendDownError(draft.channel, draft.id, 'redis-away');
      case 'buffer':
        if (isBuffered) return { ...outcome, delivery: 'buffered' };
        throw new PubSubBackendDownError(draft.channel, draft.id, 'buffer-full');
      default:
        return policy satisfies never;
    }
  }

  /** What was published in this process since Redis went. */
  recent(query: RecentQuery): Promise<readonly PubSubEvent[]> {
    return this.#options.memory.recent(query);
  }

  channels(only?: string): Promise<readonly ChannelSummary[]> {
    return this.#options.memory.channels(only);
  }
}
