import {
  Body,
  Get,
  Inject,
  type MessageEvent,
  NotFoundException,
  Param,
  Post,
  Query,
  Req,
  Sse,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { AdminController } from '../../common/admin/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { ChannelStreams } from './channel-streams.js';
import {
  type ChannelBody,
  channelBodyOf,
  eventBodyOf,
  outcomeBodyOf,
  type PublishOutcomeBody,
  type PubSubEventBody,
} from './pubsub-view.js';
import { PubSubService } from './pubsub.service.js';
import type { StreamSocket } from './stream-feed.js';

const present = z.custom<unknown>((value) => value !== undefined, 'must be given');

/** `message` is what the field was called first; either will do. */
const publishBody = z
  .strictObject({ payload: present.optional(), message: present.optional() })
  .refine(({ payload, message }) => (payload === undefined) !== (message === undefined), {
    path: ['payload'],
    message: 'must be given, or "message" in its place, and not both',
  })
  .transform(({ payload, message }) => payload ?? message ?? null);

/** What one request may ask of Redis: events may be large, and its calls are everybody's. */
const MAX_EVENTS = 100;

const recentQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(positiveInteger().max(MAX_EVENTS))
    .optional(),
});

/** Channels for operators. */
@AdminController('pubsub')
export class PubSubAdminController {
  constructor(
    @Inject(PubSubService) private readonly pubsub: PubSubService,
    @Inject(ChannelStreams) private readonly streams: ChannelStreams,
  ) {}

  /** Channels with recorded events or subscribers. */
  @Get('channels')
  async channels(): Promise<{ readonly channels: readonly ChannelBody[] }> {
    return { channels: (await this.pubsub.channels()).map(channelBodyOf) };
  }

  /** Publishes `payload` (or `message`). */
  @Post(':channel')
  async publish(
    @Param('channel') channel: string,
    @Body() body: unknown,
  ): Promise<PublishOutcomeBody> {
    const payload = parseOptions(publishBody, body ?? {}, 'body');
    return outcomeBodyOf(await this.pubsub.publish(channel, payload));
  }

  /** The latest events of a channel, newest first, at most 100; 404 where nobody uses it. */
  @Get(':channel/events')
  async events(
    @Param('channel') channel: string,
    @Query() query: unknown,
  ): Promise<{ readonly channel: string; readonly events: readonly PubSubEventBody[] }> {
    const { limit } = parseOptions(recentQuery, query, 'query');
    const events = await this.pubsub.recent({ channel, limit });
    if (events.length === 0 && (await this.pubsub.channel(channel)) === undefined) {
      throw new NotFoundException(`No channel "${channel}" has recent events or subscribers`);
    }
    return { channel, events: events.map(eventBodyOf) };
  }

  /** The events of a channel from now on, as server-sent events. */
  @Sse(':channel/stream')
  stream(
    @Param('channel') channel: string,
    @Req() request: { readonly socket: StreamSocket },
  ): Observable<MessageEvent> {
    return this.streams.open(checkKeyText(channel, 'channel'), request.socket);
  }
}
