/**
 * The little that Express and Fastify differ in, in one place. Requests and responses are typed by
 * what is used of them.
 */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly ip?: string;
  /** Express: the whole URL where `url` was cut by a mounted router. */
  readonly originalUrl?: string;
  /** Express: what a mounted router has cut off from `url`. */
  readonly baseUrl?: string;
  /** The host, as far as proxies are trusted to name it, without the port; HTTP/2's too. */
  readonly hostname?: string;
  /** Express: the route that answers. */
  readonly route?: { readonly path?: unknown };
  /** Fastify: the route that answers. */
  readonly routeOptions?: { readonly url?: string };
  /** Whatever an authentication guard put there. */
  readonly user?: unknown;
  /** Whatever middleware or a plugin for sessions put there. */
  readonly session?: unknown;
}

export interface HttpResponse {
  /** Fastify, and Express as well. */
  header?(name: string, value: string | readonly string[]): unknown;
  /** Express and plain Node. */
  setHeader?(name: string, value: string | readonly string[]): unknown;
}

/** Several values of one header. */
export type HeaderValue = string | readonly string[];

/** Sets the header to the value as it is: Node's way, where Express would add a charset. */
export function setHeader(response: HttpResponse, name: string, value: HeaderValue | number): void {
  const given = typeof value === 'number' ? String(value) : value;
  if (typeof response.setHeader === 'function') response.setHeader(name, given);
  else response.header?.(name, given);
}

/** Path the client asked for, without the query; as routers read it, however it was written. */
export function requestPath(request: Pick<HttpRequest, 'url' | 'originalUrl'>): string {
  const url = request.originalUrl ?? request.url;
  if (url.startsWith('/') && !url.includes('?') && !url.includes('#')) return url;
  const start = url.startsWith('/') ? 0 : lengthOfOrigin(url);
  const length = url.slice(start).search(/[?#]/);
  return length === -1 ? url.slice(start) : url.slice(start, start + length);
}

/** A proxy may be asked for a whole URL (RFC 9112, 3.2.2), and servers have to understand it. */
function lengthOfOrigin(url: string): number {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url)?.[0].length ?? 0;
}

/** Template of the route that answers, such as `/users/:id`; `undefined` before routing. */
export function routeTemplate(request: HttpRequest): string | undefined {
  if (typeof request.route?.path === 'string') return request.route.path;
  return request.routeOptions?.url;
}

/** The first value of a header, whatever the case of its name. */
export function headerValue(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return typeof value === 'string' ? value : value?.[0];
}
