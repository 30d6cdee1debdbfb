import { Body, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { AdminController } from '../../common/admin/index.js';
import { duration, parseOptions } from '../../common/options/index.js';
import { checkId } from './session-id.js';
import { SessionService } from './session.service.js';
import { sessionNotFound, type SessionView, viewOf, viewOrNotFound } from './session-view.js';

const dictionary = z.record(z.string(), z.unknown(), 'must be an object');
const text = z.string('must be a text').min(1, 'must not be empty');

const forUser = z
  .strictObject({
    user_id: text,
    data: dictionary.optional(),
    device: z.union([z.string(), dictionary], 'must be a text or an object').optional(),
    ip: z.string('must be a text').optional(),
    ttl: duration().optional(),
  })
  .transform(({ user_id: userId, ...rest }) => ({ userId, ...rest }));
const underId = z.strictObject({ id: text, data: dictionary, ttl: duration().optional() });
const patch = z.strictObject({ data: dictionary });
const byUser = z.strictObject({ userId: text });

/**
 * Sessions for operators, by public id. No answer holds a secret or a cookie: what is opened here
 * can be looked at and ended, but nobody is signed in with it.
 */
@AdminController('sessions')
export class SessionAdminController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  /** Opens a session for `user_id`, or stores one under `id` as `SessionService.put` does. */
  @Post()
  async create(@Body() body: unknown): Promise<SessionView> {
    if (isUnderId(body)) {
      const { id, data, ttl } = parseOptions(underId, body, 'body');
      return viewOf(await this.sessions.put(id, data, { ttl }));
    }
    const asked = parseOptions(forUser, body, 'body');
    checkId(asked.userId, 'body.user_id');
    const { session } = await this.sessions.create(asked);
    return viewOf(session);
  }

  @Get()
  async list(@Query() query: unknown): Promise<{ readonly sessions: readonly SessionView[] }> {
    const { userId } = parseOptions(byUser, query, 'query');
    return { sessions: (await this.sessions.listForUser(userId)).map(viewOf) };
  }

  @Delete()
  async destroyAll(@Query() query: unknown): Promise<{ readonly destroyed: number }> {
    const { userId } = parseOptions(byUser, query, 'query');
    return { destroyed: await this.sessions.destroyAllForUser(userId) };
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<SessionView> {
    return viewOrNotFound(await this.sessions.get(id));
  }

  /** Merges top-level values of `data`; `null` removes one, as in RFC 7396. */
  @Patch(':id')
  async update(@Param('id') id: string, @Body() body: unknown): Promise<SessionView> {
    const { data } = parseOptions(patch, body, 'body');
    const changes = Object.entries(data).map(([name, value]) => [name, value ?? undefined]);
    return viewOrNotFound(await this.sessions.update(id, Object.fromEntries(changes)));
  }

  @Delete(':id')
  async destroy(@Param('id') id: string): Promise<{ readonly destroyed: 1 }> {
    if (!(await this.sessions.destroy(id))) throw sessionNotFound();
    return { destroyed: 1 };
  }
}

function isUnderId(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'id');
}
