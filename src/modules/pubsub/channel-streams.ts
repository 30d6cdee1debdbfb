import { Inject, Injectable, type MessageEvent, type OnModuleDestroy } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import { EventStream } from '../../common/events/index.js';
import { PUBSUB_OPTIONS } from './pubsub.module-definition.js';
import type { ResolvedPubSubOptions } from './pubsub.options.js';
import { eventBodyOf } from './pubsub-view.js';
import { PubSubService } from './pubsub.service.js';
import { StreamFeed, type StreamSocket } from './stream-feed.js';
import './pubsub.events.js';

/**
 * Channels as server-sent events, for any number of clients; they end when the application does.
 */
@Injectable()
export class ChannelStreams implements OnModuleDestroy {
  readonly #feeds = new Set<StreamFeed>();

  constructor(
    @Inject(PubSubService) private readonly pubsub: PubSubService,
    @Inject(PUBSUB_OPTIONS) private readonly options: ResolvedPubSubOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {}

  /**
   * The events of a channel from now on, for the client at the other end of `socket`. The comment
   * `subscribed` says from when on nothing is missed; an event `dropped` tells how many a client
   * that reads too slowly did not get.
   */
  open(channel: string, socket: StreamSocket): Observable<MessageEvent> {
    return new Observable((client) => {
      const feed = new StreamFeed(client, {
        socket,
        maxWaiting: this.options.streamBuffer,
        heartbeatMs: this.options.streamHeartbeatMs,
        dropped: () => this.events.emit('pubsub.stream_dropped', { channel }),
      });
      this.#feeds.add(feed);
      const ended = this.#connect(channel, feed, client);
      return () => {
        feed.close();
        this.#feeds.delete(feed);
        void ended.then((end) => end?.());
      };
    });
  }

  onModuleDestroy(): void {
    for (const feed of this.#feeds) feed.end();
  }

  /** Resolves to what ends the subscription; to nothing where it could not be made. */
  async #connect(channel: string, feed: StreamFeed, client: Subscriber<MessageEvent>) {
    try {
      const end = await this.pubsub.subscribe(channel, function stream(_payload, event) {
        feed.push({ id: event.id, data: eventBodyOf(event) });
      });
      feed.push({ comment: 'subscribed' });
      return end;
    } catch (error) {
      client.error(error);
      return undefined;
    }
  }
}
