import { createHash } from 'node:crypto';
import { normalizeIp } from '@nestjs/throttler';
import { type HttpRequest, headerValue } from '../../../common/http/index.js';
import { withoutPort } from './address-list.js';
import type { LimitSubject, OfRequest } from './request-limit.options.js';

/** How clients are told apart. */
export interface IdentityOptions {
  readonly ipv6Prefix: number;
  readonly user?: OfRequest<string | undefined> | undefined;
  readonly apiKey?: ApiKeyOptions | undefined;
}

/** How an API key is found, and whose it is. */
export interface ApiKeyOptions {
  /** Its header, such as `x-api-key`. */
  readonly header: string;
  /**
   * Says whose key it is; `undefined` for one that nobody has, which then counts by IP address:
   * else whoever makes keys up would be somebody new with every request. Keep it cheap, it runs
   * before the limit.
   */
  readonly resolve: (key: string, request: HttpRequest) => Owner | Promise<Owner>;
}

type Owner = string | undefined;

/**
 * Subject of clients that no IP address is known of: all of a server on a Unix socket, and those
 * that have gone already. No IP address reads like it.
 */
const WITHOUT_ADDRESS = 'no-address';

/**
 * Names the subjects that requests count for. Kinds cannot be taken for each other: addresses stand
 * as they are, users as `user:…`, owners of API keys as `key:…`, what a function says as `custom:…`.
 */
export class ClientIdentity {
  readonly #options: IdentityOptions;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  /**
   * An IPv6 client has a whole network at least, so that is what counts.
   *
   * @param ipv6Prefix of `@nestjs/throttler`, which goes before our own
   */
  addressOf({ ip }: HttpRequest, ipv6Prefix?: number): string {
    return ip ? this.#network(ip, ipv6Prefix) : WITHOUT_ADDRESS;
  }

  /**
   * What a tracker of the application says, or the address where that is nothing.
   *
   * @param subject whatever its type promises: an id is often a number, or an object of a database
   */
  tracked(subject: unknown, request: HttpRequest): string {
    const text = subject === undefined || subject === null ? '' : String(subject);
    return text === '' ? this.addressOf(request) : this.#network(text);
  }

  /** @param by all but `'client'`, which the guard's tracker names */
  async subjectOf(by: Exclude<LimitSubject, 'client'>, request: HttpRequest): Promise<string> {
    const named = await this.#named(by, request);
    return named ?? this.addressOf(request);
  }

  #named(by: Exclude<LimitSubject, 'client'>, request: HttpRequest): Owner | Promise<Owner> {
    if (typeof by === 'function') return this.#customOf(by, request);
    switch (by) {
      case 'ip':
        return undefined;
      case 'user':
        return this.#userOf(request);
      case 'api-key':
        return this.#keyOwnerOf(request);
      default:
        return by satisfies never;
    }
  }

  async #customOf(by: OfRequest<Owner>, request: HttpRequest): Promise<Owner> {
    const subject = await by(request);
    return subject ? `custom:${this.#network(subject)}` : undefined;
  }

  async #userOf(request: HttpRequest): Promise<Owner> {
    const { user = userOnRequest } = this.#options;
    const id = await user(request);
    return id ? `user:${id}` : undefined;
  }

  /** Hashed: a key is a secret, and what is in Redis is read by operators. */
  async #keyOwnerOf(request: HttpRequest): Promise<Owner> {
    const { apiKey } = this.#options;
    const key = apiKey === undefined ? undefined : headerValue(request, apiKey.header);
    const owner = key ? await apiKey?.resolve(key, request) : undefined;
    if (!owner) return undefined;
    return `key:${createHash('sha256').update(owner).digest('base64url')}`;
  }

  /** An address that somebody read from somewhere is one of a network as well. */
  #network(text: string, ipv6Prefix = this.#options.ipv6Prefix): string {
    return normalizeIp(withoutPort(text), ipv6Prefix);
  }
}

/** Whom authentication put on the request as `user`: its `id`, or the `sub` of a token. */
export function userOnRequest({ user }: HttpRequest): Owner {
  if (typeof user !== 'object' || user === null) return undefined;
  const id: unknown = Reflect.get(user, 'id') ?? Reflect.get(user, 'sub');
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}
