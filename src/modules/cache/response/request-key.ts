import { headerValue, type HttpRequest } from '../../../common/http/index.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import type { CachedRoute } from './cached-route.js';
import { type CacheOutcome, OUTCOME } from './cache-status.js';
import { defaultKeyText, givenVariantText, responseKey, variantText } from './response-key.js';

/** Which entry answers a request, and why none does where none may. */
export type Selection =
  { readonly key: string } | { readonly outcome: CacheOutcome; readonly why: string };

/** Who is asking, as far as that matters. */
interface Asker {
  readonly user: string | undefined;
  /** The headers of the request that may tell who is asking. */
  readonly credentials: readonly string[];
}

const NONE: readonly string[] = [];

/** Selects the entries of requests. */
export class RequestKeys {
  readonly #userId: ResolvedCacheOptions['userId'];
  readonly #credentialHeaders: readonly string[];

  constructor({ userId, credentialHeaders }: ResolvedCacheOptions) {
    this.#userId = userId;
    this.#credentialHeaders = credentialHeaders.map((name) => name.toLowerCase());
  }

  /** Names of the headers that may tell who is asking. */
  get credentialHeaders(): readonly string[] {
    return this.#credentialHeaders;
  }

  /** @throws whatever a key function throws */
  select(route: CachedRoute, request: HttpRequest): Selection {
    const { options } = route;
    if (!options.methods.some((method) => method === request.method)) {
      return { outcome: OUTCOME.unfitMethod, why: `it is a ${request.method}` };
    }
    if (route.bypassed !== undefined) return { outcome: OUTCOME.bypassed, why: route.bypassed };
    const asker = { user: this.#userId(request), credentials: this.#credentialsOf(request) };
    if (!isShareable(options, asker)) {
      return { outcome: OUTCOME.bypassed, why: 'it may be somebody’s own' };
    }
    return { key: this.#key(route, request, asker) };
  }

  #key(route: CachedRoute, request: HttpRequest, { user, credentials }: Asker): string {
    const { options } = route;
    const given = typeof options.key === 'function' ? options.key(request) : options.key;
    const text = given ?? defaultKeyText(request, options.query);
    const isDefault = given === undefined;
    return responseKey(options.keyPrefix === undefined ? text : options.keyPrefix + text, {
      user: options.userAware ? (user ?? '') : undefined,
      version: isDefault ? route.version : undefined,
      host: isDefault && route.isBoundToHost ? headerValue(request, 'host') : undefined,
      vary: variantOf(options.vary, request, credentials.length > 0),
      method: request.method === 'GET' || request.method === 'HEAD' ? undefined : request.method,
    });
  }

  #credentialsOf({ headers }: HttpRequest): readonly string[] {
    const names = this.#credentialHeaders;
    return names.some((name) => headers[name] !== undefined)
      ? names.filter((name) => headers[name] !== undefined)
      : NONE;
  }
}

type RouteOptions = CachedRoute['options'];

/** Does the route say for whom such an answer is? */
function isShareable(route: RouteOptions, { user, credentials }: Asker): boolean {
  if (route.public || (user === undefined && credentials.length === 0)) return true;
  if (route.userAware && user !== undefined) return true;
  const { vary } = route;
  if (typeof vary === 'function') return true;
  // A user that none of these headers tells is told by something that is no part of the key.
  return credentials.length > 0 && credentials.every((name) => vary?.includes(name));
}

function variantOf(
  vary: RouteOptions['vary'],
  request: HttpRequest,
  hasCredentials: boolean,
): string | undefined {
  if (vary === undefined) return undefined;
  if (typeof vary === 'function') return givenVariantText(vary(request));
  return variantText(request, vary, hasCredentials);
}
