import { Body, Delete, Get, Inject, NotFoundException, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { AdminController, jsonView } from '../../common/admin/index.js';
import { duration, parseOptions } from '../../common/options/index.js';
import { type Backing, ServiceRegistry } from '../../common/status/index.js';
import { type CacheCounts, CacheCounters } from './cache-counters.js';
import { CACHE_SERVICE } from './cache.driver-provider.js';
import { CacheService } from './cache.service.js';
import { contentOf } from './stored-response.js';

/** What this process counted since it started, and what backs the cache now. */
export type CacheStatsBody = CacheCounts & { readonly backing: Backing };

/** One entry. */
export interface CacheEntryBody {
  readonly key: string;
  /** As JSON, as near as it can; of a cached answer its body. */
  readonly value: unknown;
  readonly ttl_ms: number;
}

const text = z.string('must be given once').min(1, 'must be a text of at least one character');

const byKey = z.strictObject({ key: text });
const byPattern = z.strictObject({ pattern: text });

const entryBody = z.strictObject({
  value: z.custom<unknown>((value) => value !== undefined, 'must be given'),
  ttl: duration().optional(),
});

/** The cache, for operators. Keys are query parameters, because they may hold any character. */
@AdminController('cache')
export class CacheAdminController {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(CacheCounters) private readonly counters: CacheCounters,
    @Inject(ServiceRegistry) private readonly services: ServiceRegistry,
  ) {}

  @Get('stats')
  stats(): CacheStatsBody {
    const status = this.services.list().find(({ service }) => service === CACHE_SERVICE);
    return { ...this.counters.counts(), backing: status?.backing() ?? 'none' };
  }

  /** Does not count as a look-up. */
  @Get('entries')
  async get(@Query() query: unknown): Promise<CacheEntryBody> {
    const { key } = parseOptions(byKey, query, 'query');
    const entry = await this.cache.inspect(key);
    if (entry === undefined) throw new NotFoundException(`Nothing is cached under "${key}".`);
    return { key, value: jsonView(contentOf(entry.value)), ttl_ms: entry.remainingMs };
  }

  /** `stored` is false where the cache keeps nothing while Redis is away. */
  @Put('entries')
  async set(@Query() query: unknown, @Body() body: unknown): Promise<{ readonly stored: boolean }> {
    const { key } = parseOptions(byKey, query, 'query');
    const { value, ttl } = parseOptions(entryBody, body ?? {}, 'body');
    await this.cache.set(key, value, { ttl });
    return { stored: (await this.cache.inspect(key)) !== undefined };
  }

  @Delete('entries')
  async delete(@Query() query: unknown): Promise<{ readonly removed: number }> {
    const { key } = parseOptions(byKey, query, 'query');
    return { removed: await this.cache.delete(key) };
  }

  /** Removes what matches: `*` any text, `?` one character, `\` takes the next literally. */
  @Delete()
  async deleteMatching(@Query() query: unknown): Promise<{ readonly removed: number }> {
    const { pattern } = parseOptions(byPattern, query, 'query');
    return { removed: await this.cache.deleteMatching(pattern) };
  }
}
