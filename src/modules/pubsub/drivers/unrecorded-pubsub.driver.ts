import type { RedisUnavailableError } from '../../../common/redis/index.js';
import type { EventDraft, PubSubEvent } from '../envelope.js';
import type { ChannelSummary, PublishOutcome, PubSubDriver } from '../pubsub.driver.js';
import type { MemoryPubSubDriver } from './memory-pubsub.driver.js';

/**
 * What stands in for a single call that Redis left unanswered although it answers others: the
 * handlers of this process get the event, and nothing is recorded that a later outage would show as
 * its own. What Redis knows is known by nobody else, so questions fail with what Redis left.
 */
export class UnrecordedPubSubDriver implements PubSubDriver {
  constructor(
    private readonly memory: MemoryPubSubDriver,
    private readonly failure: RedisUnavailableError,
  ) {}

  publish(draft: EventDraft): Promise<PublishOutcome> {
    return this.memory.hand(draft);
  }

  async recent(): Promise<readonly PubSubEvent[]> {
    throw this.failure;
  }

  async channels(): Promise<readonly ChannelSummary[]> {
    throw this.failure;
  }
}
