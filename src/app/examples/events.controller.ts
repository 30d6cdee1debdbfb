import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery } from '@nestjs/swagger';
import { z } from 'zod';
import {
  eventBodyOf,
  outcomeBodyOf,
  type PublishOutcomeBody,
  type PubSubEvent,
  type PubSubEventBody,
  PubSubService,
} from '../../modules/pubsub/index.js';
import { parse } from './parse.js';

/**
 * The one channel that everybody may use. What callers name is a channel within: nobody reaches
 * those of the application, and however many names are made up, the history keeps as much as of one
 * channel.
 */
const PUBLIC_CHANNEL = 'public-events';
/** The latest public events among which those of one channel are looked for. */
const SEARCHED = 200;
const MAX_MESSAGE_BYTES = 4_096;

const channelSchema = z.string().min(1).max(200);
const messageSchema = z.custom<unknown>(
  (value) => value !== undefined && bytesOf(value) <= MAX_MESSAGE_BYTES,
  `must be JSON of at most ${MAX_MESSAGE_BYTES} bytes`,
);
const publishSchema = z.strictObject({ channel: channelSchema, message: messageSchema });
const recentSchema = z.strictObject({
  channel: channelSchema.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

/**
 * Publish and read back events; operators follow them at
 * `/api/v1/redis/pubsub/public-events/stream`.
 */
@Controller('api')
export class EventsController {
  constructor(@Inject(PubSubService) private readonly pubsub: PubSubService) {}

  @ApiOperation({ summary: 'Publishes a message of at most 4 KiB on a channel open to everybody' })
  @ApiBody({ schema: { properties: { channel: { type: 'string' }, message: {} } } })
  @HttpCode(200)
  @Post('publish-event')
  async publish(@Body() body: unknown): Promise<PublishOutcomeBody> {
    const { channel, message } = parse(publishSchema, body ?? {}, 'body');
    const outcome = await this.pubsub.publish(PUBLIC_CHANNEL, { channel, message });
    return { ...outcomeBodyOf(outcome), channel };
  }

  @ApiOperation({ summary: 'The latest of these events, newest first' })
  @ApiQuery({ name: 'limit', required: false })
  @ApiQuery({ name: 'channel', required: false })
  @Get('recent-events')
  async recent(@Query() query: unknown): Promise<{ readonly events: readonly PubSubEventBody[] }> {
    const { channel, limit } = parse(recentSchema, query, 'query');
    const latest = await this.pubsub.recent({ channel: PUBLIC_CHANNEL, limit: SEARCHED });
    const wanted = latest
      .flatMap(publicEventOf)
      .filter((event) => channel === undefined || event.channel === channel);
    return { events: wanted.slice(0, limit) };
  }
}

/** None for what operators published there without naming a channel within. */
function publicEventOf(event: PubSubEvent): readonly PubSubEventBody[] {
  const within = publishSchema.safeParse(event.payload);
  if (!within.success) return [];
  const { channel, message } = within.data;
  return [{ ...eventBodyOf(event), channel, payload: message }];
}

function bytesOf(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    // Nested so deeply that it cannot be written as JSON: too much as well.
    return Infinity;
  }
}
