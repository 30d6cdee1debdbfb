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
  /** Serves the handlers of this process, and keeps what they got or does not. */
  readonly local: PubSubDriver;
  readonly policy: PubSubFailurePolicy;
  readonly journal: PublishJournal;
  readonly once: OnceGuard;
}

/** What answers instead of Redis: handlers of this process are served, and the policy decides. */
export class DegradedPubSubDriver implements PubSubDriver {
  readonly #options: DegradedPubSubDriverOptions;

  constructor(options: DegradedPubSubDriverOptions) {
    this.#options = options;
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const { local, policy, journal, once } = this.#options;
    const isBuffered = journal.has(draft.id);
    // What was never sent, and will not be, has no echo.
    if (isBuffered) once.watch(draft.id);
    once.keep(draft.id);
    const outcome = await local.publish(draft);
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

  recent(query: RecentQuery): Promise<readonly PubSubEvent[]> {
    return this.#options.local.recent(query);
  }

  channels(only?: string): Promise<readonly ChannelSummary[]> {
    return this.#options.local.channels(only);
  }
}
