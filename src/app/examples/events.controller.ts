import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery } from '@nestjs/swagger';
import { z } from 'zod';
import {
  eventBodyOf,
  outcomeBodyOf,
  type PublishOutcomeBody,
  type PubSubEventBody,
  PubSubService,
} from '../../modules/pubsub/index.js';
import { parse } from './parse.js';

const channelSchema = z.string().min(1).max(200);
const publishSchema = z.strictObject({
  channel: channelSchema,
  message: z.json(),
});
const recentSchema = z.strictObject({
  channel: channelSchema.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

/** Publish and read back events; subscribe to them at `/api/v1/redis/pubsub/<channel>/stream`. */
@Controller('api')
export class EventsController {
  constructor(@Inject(PubSubService) private readonly pubsub: PubSubService) {}

  @ApiOperation({ summary: 'Sends a message to everybody who is subscribed to the channel' })
  @ApiBody({ schema: { properties: { channel: { type: 'string' }, message: {} } } })
  @HttpCode(200)
  @Post('publish-event')
  async publish(@Body() body: unknown): Promise<PublishOutcomeBody> {
    const { channel, message } = parse(publishSchema, body ?? {}, 'body');
    return outcomeBodyOf(await this.pubsub.publish(channel, message));
  }

  @ApiOperation({ summary: 'The latest events, newest first' })
  @ApiQuery({ name: 'limit', required: false })
  @ApiQuery({ name: 'channel', required: false })
  @Get('recent-events')
  async recent(@Query() query: unknown): Promise<{ readonly events: readonly PubSubEventBody[] }> {
    const events = await this.pubsub.recent(parse(recentSchema, query, 'query'));
    return { events: events.map(eventBodyOf) };
  }
}
