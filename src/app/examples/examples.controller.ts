import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery } from '@nestjs/swagger';
import { z } from 'zod';
import { CacheResponse, CacheService } from '../../modules/cache/index.js';
import { RateLimit } from '../../modules/throttle/index.js';
import { parse } from './parse.js';
import { type Report, ReportService } from './report.service.js';

const EVERYONE = 'everyone';

const userIdSchema = z.string().min(1).max(200);
const invalidateSchema = z.strictObject({ user_id: userIdSchema.optional() });

/** The worked examples: one endpoint a feature, open to everybody. */
@Controller('api')
export class ExamplesController {
  constructor(
    @Inject(ReportService) private readonly reports: ReportService,
    @Inject(CacheService) private readonly cache: CacheService,
  ) {}

  @ApiOperation({ summary: 'A slow report, cached for a minute for each user_id' })
  @ApiQuery({ name: 'user_id', required: false })
  @CacheResponse({
    ttl: '1m',
    key: ({ url }) => cacheKey(new URL(url, 'http://localhost').searchParams.get('user_id')),
  })
  @Get('cached-data')
  cachedData(@Query('user_id') userId?: unknown): Promise<Report> {
    return this.reports.build(parse(userIdSchema.default(EVERYONE), userId, 'user_id'));
  }

  @ApiOperation({ summary: 'Forgets the report of one user_id, or all of them' })
  @ApiBody({ required: false, schema: { properties: { user_id: { type: 'string' } } } })
  @HttpCode(200)
  @Post('invalidate-cache')
  async invalidateCache(@Body() body: unknown): Promise<{ readonly invalidated: number }> {
    const { user_id: userId } = parse(invalidateSchema, body ?? {}, 'body');
    const invalidated =
      userId === undefined
        ? await this.cache.deleteMatching(`${KEY_PREFIX}*`)
        : await this.cache.delete(cacheKey(userId));
    return { invalidated };
  }

  @ApiOperation({ summary: 'Five requests a minute for each client, in any minute' })
  @RateLimit({ limit: 5, window: '1m', strategy: 'sliding-window' })
  @Get('rate-limited')
  rateLimited(): { readonly message: string } {
    return { message: 'Within the limit of 5 requests a minute' };
  }

  @ApiOperation({ summary: 'Two answers in five minutes for each client; failures are free' })
  @RateLimit({ limit: 2, window: '5m', strategy: 'sliding-window', count: 'successes' })
  @Get('slow-limited')
  slowLimited(): { readonly message: string } {
    return { message: 'Within the limit of 2 requests in 5 minutes' };
  }
}

const KEY_PREFIX = 'cached-data:';

function cacheKey(userId: string | null): string {
  return `${KEY_PREFIX}${userId ?? EVERYONE}`;
}
