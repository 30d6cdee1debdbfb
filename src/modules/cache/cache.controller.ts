import {
  Body,
  Delete,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Post,
  Put,
  Query,
} from '@nestjs/common';
import { AdminController, jsonView } from '../../common/admin/index.js';
import { parseOptions } from '../../common/options/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import {
  type CacheDeletionBody,
  type CacheEntryBody,
  type CacheStatsBody,
  statsBody,
} from './cache.bodies.js';
import { CACHE_SERVICE } from './cache.driver-provider.js';
import { byKey, entryBody, warmBody, whatToDelete } from './cache.requests.js';
import { CacheService } from './cache.service.js';
import { contentOf } from './response/response-format.js';
import { CacheWarmer } from './warm/cache-warmer.js';
import { type CacheWarmBody, warmReportBody } from './warm/warm-report.js';

/** The cache, for operators. Keys are query parameters, because they may hold any character. */
@AdminController('cache')
export class CacheAdminController {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(CacheWarmer) private readonly warmer: CacheWarmer,
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
  ) {}

  @Get('stats')
  stats(): CacheStatsBody {
    const status = this.services.list().find(({ service }) => service === CACHE_SERVICE);
    return statsBody(this.cache.stats(), status?.backing() ?? 'none');
  }

  /** Does not count as a look-up. */
  @Get('entries')
  async get(@Query() query: unknown): Promise<CacheEntryBody> {
    const { key } = parseOptions(byKey, query, 'query');
    const entry = await this.cache.inspect(key);
    if (entry === undefined) throw new NotFoundException(`Nothing is cached under "${key}".`);
    const value = jsonView(contentOf(entry.value));
    return { key, value, ttl_ms: entry.remainingMs, age_ms: entry.ageMs };
  }

  /**
   * `stored` is false for a value above `maxValueBytes`: nothing is there then; and where the cache
   * keeps nothing while Redis is away.
   */
  @Put('entries')
  async set(@Query() query: unknown, @Body() body: unknown): Promise<{ readonly stored: boolean }> {
    const { key } = parseOptions(byKey, query, 'query');
    const { value, ...options } = parseOptions(entryBody, body ?? {}, 'body');
    const isStored = await this.cache.set(key, value, options);
    return { stored: isStored && (await this.cache.inspect(key)) !== undefined };
  }

  @Delete('entries')
  async delete(@Query() query: unknown): Promise<{ readonly removed: number }> {
    const { key } = parseOptions(byKey, query, 'query');
    return { removed: await this.cache.delete(key) };
  }

  /** Removes what matches a pattern, or outdates what has any of the tags, or a namespace. */
  @Delete()
  async deleteMany(@Query() query: unknown): Promise<CacheDeletionBody> {
    const { tags, pattern, namespace, soft } = parseOptions(whatToDelete, query, 'query');
    if (pattern !== undefined) return { removed: await this.cache.deleteMatching(pattern) };
    if (namespace === undefined) {
      await this.cache.invalidateTags(tags, { soft });
      return { tags, soft };
    }
    await this.cache.clear({ namespace, soft });
    return { namespace, soft };
  }

  /** Runs one warm-up, or all of them one after the other, and tells what came of it. */
  @HttpCode(200)
  @Post('warm')
  async warm(@Body() body: unknown): Promise<CacheWarmBody> {
    const { name } = parseOptions(warmBody, body ?? {}, 'body');
    if (name !== undefined && !this.warmer.names.includes(name)) {
      throw new NotFoundException(`No warm-up is called "${name}".`);
    }
    const reports = await this.warmer.run(name);
    return { warmed: reports.map(warmReportBody) };
  }
}
