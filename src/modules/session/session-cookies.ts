import { Inject, Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import { headerValue, type HttpRequest } from '../../common/http/index.js';
import type { CreatedSession } from './session.js';
import { SESSION_OPTIONS } from './session.module-definition.js';
import type { ResolvedSessionOptions } from './session.options.js';

/** What of Express' response and of Fastify's reply is used to set a cookie. */
export interface CookieResponse {
  getHeader(name: string): unknown;
  removeHeader(name: string): unknown;
  /** Fastify; Express has it as well. */
  header?(name: string, value: string[]): unknown;
  /** Express and plain Node. */
  setHeader?(name: string, value: string[]): unknown;
}

const SET_COOKIE = 'Set-Cookie';

/**
 * The session cookie, on Express and on Fastify, without middleware.
 *
 * @example
 * const created = await sessions.create({ userId });
 * cookies.set(response, created);
 */
@Injectable()
export class SessionCookies {
  readonly #options: ResolvedSessionOptions['cookie'];

  constructor(@Inject(SESSION_OPTIONS) { cookie }: ResolvedSessionOptions) {
    this.#options = cookie;
  }

  /** The value of the cookie, unchecked; the first where a client sends several of the name. */
  read(request: HttpRequest): string | undefined {
    const header = headerValue(request, 'cookie');
    if (header === undefined) return undefined;
    const { [this.#options.name]: value } = parseCookie(header);
    return value;
  }

  /** Gives the cookie to the client, for as long as the session lives untouched. */
  set(response: CookieResponse, { session, cookieValue }: CreatedSession): void {
    const lifeMs = session.expiresAt.getTime() - session.lastSeenAt.getTime();
    this.#write(response, cookieValue, Math.ceil(lifeMs / 1_000));
  }

  /**
   * Takes the cookie from the client. The session itself is ended with `SessionService.destroy`.
   */
  clear(response: CookieResponse): void {
    this.#write(response, '', 0);
  }

  /** Cookies of the application stay; an earlier one of ours is replaced. */
  #write(response: CookieResponse, value: string, maxAge: number): void {
    const { name, path, domain, sameSite, secure } = this.#options;
    const attributes = { httpOnly: true, path, sameSite, secure, maxAge };
    const cookie = { name, value, ...attributes, ...(domain === undefined ? {} : { domain }) };
    const others = cookiesIn(response).filter((line) => !line.startsWith(`${name}=`));
    const lines = [...others, stringifySetCookie(cookie)];
    // Fastify adds to the header that is there instead of replacing it.
    response.removeHeader(SET_COOKIE);
    if (typeof response.header === 'function') response.header(SET_COOKIE, lines);
    else response.setHeader?.(SET_COOKIE, lines);
  }
}

function cookiesIn(response: CookieResponse): readonly string[] {
  const header = response.getHeader(SET_COOKIE);
  if (header === undefined) return [];
  return (Array.isArray(header) ? header : [header]).map(String);
}
