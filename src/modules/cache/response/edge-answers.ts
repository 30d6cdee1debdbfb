import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { HttpRequest } from '../../../common/http/index.js';
import { CacheEngine } from '../cache-engine.js';
import type { CacheAnswer } from '../cache-loader.js';
import { CACHE_OPTIONS } from '../cache.module-definition.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import type { KnownRoute } from './known-routes.js';
import type { ResponseFormat } from './response-format.js';
import type { StoredBytes, StoredResponse } from './stored-response.js';

/** Which entry answers the requests of a method for a URL. */
interface Selected {
  readonly route: KnownRoute;
  readonly key: string;
  readonly format: ResponseFormat;
}

/** The same, and what of the route guards want to see. */
export interface EdgeEntry extends Selected {
  readonly owner: ReturnType<ExecutionContext['getClass']>;
  readonly handler: Function;
  /** Express: the route, which a request has from the router only. */
  readonly template: HttpRequest['route'];
}

/** Longer URLs take the ordinary way, so that strangers cannot fill the memory with them. */
const MAX_URL = 2_000;

/**
 * Knows the URLs that edge routes have answered. Which route answers, and from which entry, goes by
 * the method and the URL to the letter; so no router has to be understood here.
 */
@Injectable()
export class EdgeAnswers {
  readonly #entries: LRUCache<string, EdgeEntry>;

  constructor(
    @Inject(CacheEngine) private readonly engine: CacheEngine,
    @Inject(CACHE_OPTIONS) { maxEntries }: Pick<ResolvedCacheOptions, 'maxEntries'>,
  ) {
    this.#entries = new LRUCache({ max: maxEntries });
  }

  /** That the route answered this request from the entry. */
  learn(context: ExecutionContext, selected: Selected): void {
    const request = context.getArgByIndex<HttpRequest>(0);
    if (request.url.length > MAX_URL) return;
    this.#entries.set(nameOf(request), {
      ...selected,
      owner: context.getClass(),
      handler: context.getHandler(),
      template: request.route,
    });
  }

  /** `undefined`: the request has to take the ordinary way. */
  find(request: HttpRequest): EdgeEntry | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    // A URL that was rewritten may have been another one.
    if (request.originalUrl !== undefined && request.originalUrl !== request.url) return undefined;
    const entry = this.#entries.get(nameOf(request));
    return entry?.route.options.honourNoCache && makesDemands(request) ? undefined : entry;
  }

  /** The fresh copy in this process, which then counts as a hit; `undefined` where there is none. */
  answer({ key, format, route }: EdgeEntry): CacheAnswer<StoredBytes> | undefined {
    const found = this.engine.glance(key, format, route.terms.earlyRefresh);
    if (!isOfBytes(found)) return undefined;
    this.engine.countHit(key);
    return found;
  }
}

/** A space is in no URL. */
function nameOf({ method, url }: HttpRequest): string {
  return method === 'GET' ? url : `${method} ${url}`;
}

function makesDemands({ headers }: HttpRequest): boolean {
  return headers['cache-control'] !== undefined || headers['pragma'] !== undefined;
}

/** Not an exception, which is for filters, nor a value that was stored by hand. */
function isOfBytes(
  found: CacheAnswer<StoredResponse> | undefined,
): found is CacheAnswer<StoredBytes> {
  return found !== undefined && found.value.kind === 'bytes';
}
