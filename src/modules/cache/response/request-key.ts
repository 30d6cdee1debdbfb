import type { HttpRequest } from '../../../common/http/index.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import type { CachedRoute } from './cached-route.js';
import { type CacheOutcome, OUTCOME } from './cache-status.js';
import { givenText, givenTexts, givenUser } from './given.js';
import {
  defaultKeyText,
  givenVariantText,
  responseKey,
  rewrittenText,
  variantText,
} from './response-key.js';
import { sessionOf } from './session-state.js';

/** Which entry answers a request, and why none does where none may. */
export type Selection =
  { readonly key: string } | { readonly outcome: CacheOutcome; readonly why: string };

/** Who is asking, as far as that matters. */
interface Asker {
  /** What tells this user from others; not every user has it. */
  readonly user: string | undefined;
  /** A guard has found a user, or there is a session: it is not just anybody. */
  readonly isSomebody: boolean;
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

  /**
   * @throws whatever a function of the application throws
   * @throws CacheMisconfiguredError for what it gives, where that is no text
   */
  select(route: CachedRoute, request: HttpRequest): Selection {
    const { options } = route;
    if (!options.methods.some((method) => method === request.method)) {
      return { outcome: OUTCOME.unfitMethod, why: `it is a ${request.method}` };
    }
    if (route.bypassed !== undefined) return { outcome: OUTCOME.bypassed, why: route.bypassed };
    const asker = this.#askerOf(request);
    const why = whyNotShared(options, asker);
    if (why !== undefined) return { outcome: OUTCOME.bypassed, why };
    return { key: this.#key(route, request, asker) };
  }

  #key(route: CachedRoute, request: HttpRequest, { user, credentials }: Asker): string {
    const { options } = route;
    const { key, query, keyPrefix = '' } = options;
    const given = typeof key === 'function' ? givenText('@CacheResponse.key', key(request)) : key;
    const isDefault = given === undefined;
    const text = given ?? defaultKeyText(request, query);
    return responseKey(keyPrefix + text, {
      url: isDefault ? rewrittenText(request, query) : undefined,
      user: options.userAware ? (user ?? '') : undefined,
      version: isDefault ? route.version : undefined,
      host: isDefault && route.isBoundToHost ? request.hostname : undefined,
      vary: variantOf(options.vary, request, credentials.length > 0),
      method: request.method === 'GET' || request.method === 'HEAD' ? undefined : request.method,
    });
  }

  #askerOf(request: HttpRequest): Asker {
    const user = givenUser(this.#userId(request));
    const hasUser = user !== undefined || (request.user !== undefined && request.user !== null);
    const isSomebody = hasUser || sessionOf(request) !== undefined;
    return { user, isSomebody, credentials: this.#credentialsOf(request) };
  }

  #credentialsOf({ headers }: HttpRequest): readonly string[] {
    const names = this.#credentialHeaders;
    return names.some((name) => headers[name] !== undefined)
      ? names.filter((name) => headers[name] !== undefined)
      : NONE;
  }
}

type RouteOptions = CachedRoute['options'];

/** `undefined`: the route says for whom such an answer is. */
function whyNotShared(route: RouteOptions, asker: Asker): string | undefined {
  const { user, isSomebody, credentials } = asker;
  const isAnybodys = !isSomebody && credentials.length === 0;
  if (route.public || isAnybodys || (route.userAware && user !== undefined)) return undefined;
  const { vary, userAware } = route;
  if (userAware && isSomebody) return 'it is somebody’s own, and userId gives no id for who it is';
  if (typeof vary === 'function') return undefined;
  // A user that a guard found may be told by something that is no part of the key.
  if (isSomebody)
    return 'a user or a session was found, and only the route can say what that means';
  const open = credentials.find((name) => !vary?.includes(name));
  return open === undefined ? undefined : `it may be somebody’s own: it has the header "${open}"`;
}

function variantOf(
  vary: RouteOptions['vary'],
  request: HttpRequest,
  hasCredentials: boolean,
): string | undefined {
  if (vary === undefined) return undefined;
  if (typeof vary !== 'function') return variantText(request, vary, hasCredentials);
  return givenVariantText(givenTexts('@CacheResponse.vary', vary(request)));
}
