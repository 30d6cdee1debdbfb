/** What a handler listens to: one channel, or all channels that match a glob. */
export type Topic = { readonly channel: string } | { readonly pattern: string };

/** Injection token and contract of what makes events of other processes arrive. */
export const PubSubReceiver = Symbol('PubSubReceiver');

/**
 * Receives events from outside and hands them to the dispatcher. Called once for a topic, however
 * many handlers it has, and in the order in which they come and go.
 */
export interface PubSubReceiver {
  /**
   * Makes events of the topic arrive. Resolves when the backend has confirmed it, or, where it is
   * away, after a bounded wait: it is then done as soon as it is back, and the time until then is
   * reported as a gap. Rejects with the server's own error where it refuses, and then nothing is
   * kept.
   */
  subscribe(topic: Topic): Promise<void>;

  /** Ends it; at once for the caller. Never rejects. */
  unsubscribe(topic: Topic): Promise<void>;

  /** Ends everything. */
  close(): void;
}

/** For drivers that deliver in this process by themselves: nothing comes from outside. */
export class LocalReceiver implements PubSubReceiver {
  async subscribe(): Promise<void> {}

  async unsubscribe(): Promise<void> {}

  close(): void {}
}

/** Identifies a topic in maps. */
export function topicKey(topic: Topic): string {
  return 'channel' in topic ? `c:${topic.channel}` : `p:${topic.pattern}`;
}
