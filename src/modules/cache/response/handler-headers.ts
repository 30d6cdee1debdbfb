import { type HeaderValue, type BodyResponse, setHeader } from '../../../common/http/index.js';
import { parseCacheControl } from './cache-control.js';
import type { Header } from './stored-response.js';

/** What is read and set of a response, Express' or Fastify's. */
export interface LiveResponse extends BodyResponse {
  statusCode?: number;
  getHeaders?(): Readonly<Record<string, unknown>>;
  removeHeader?(name: string): unknown;
  /** Express. */
  readonly headersSent?: boolean;
  /** Fastify. */
  readonly sent?: boolean;
}

/** How a response stands at a moment. */
export interface ResponseState {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The state at this moment. */
export function stateOf(response: LiveResponse): ResponseState {
  return { status: response.statusCode ?? 200, headers: { ...response.getHeaders?.() } };
}

/** Puts a response back into the state, as if what ran meanwhile had never touched it. */
export function restore(response: LiveResponse, state: ResponseState): void {
  for (const name of Object.keys(response.getHeaders?.() ?? {})) {
    if (!(name in state.headers)) response.removeHeader?.(name);
  }
  for (const [name, value] of Object.entries(state.headers)) setAny(response, name, value);
  response.statusCode = state.status;
}

/**
 * Belong to one message, or to one request, and never to a stored answer: hop-by-hop fields
 * (RFC 9110, 7.6.1), what the server makes anew, what the cache says, and what was said to the one
 * who asked. `Vary` is kept apart.
 */
const NOT_KEPT = new Set(
  (
    'connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length ' +
    'date age x-cache cache-status vary set-cookie retry-after x-request-id server-timing ' +
    'www-authenticate authentication-info proxy-authenticate proxy-authentication-info'
  ).split(' '),
);

const RATE_LIMIT = /^(?:x-)?ratelimit\b/;

/**
 * What the handler set of its own. What was there before it ran is set for every request by who set
 * it then (middleware, guards), but for `always`: the names of the route's static headers.
 */
export function handlerHeaders(
  before: ResponseState,
  after: ResponseState,
  always: readonly string[],
): readonly Header[] {
  const connection = listOf(after.headers['connection']);
  return Object.entries(after.headers).flatMap(([name, value]): readonly Header[] => {
    if (NOT_KEPT.has(name) || RATE_LIMIT.test(name) || connection.includes(name)) return [];
    const isNew = !isSame(value, before.headers[name]) || always.includes(name);
    const text = textOf(value);
    return isNew && text !== undefined ? [[name, text]] : [];
  });
}

/**
 * What the handler named in `Vary`, in lower case. What was there before it ran is about other
 * answers as well, but for `always`: what the route's static header names.
 */
export function handlerVary(
  before: ResponseState,
  after: ResponseState,
  always: readonly string[],
): readonly string[] {
  const earlier = listOf(before.headers['vary']);
  const named = listOf(after.headers['vary']);
  return named.filter((name) => always.includes(name) || !earlier.includes(name));
}

/** How old the handler says that its answer is already. */
export function ageMsOf(state: ResponseState): number {
  const field = fieldOf(state, 'age');
  return field !== undefined && /^\d+$/.test(field) ? Number(field) * 1_000 : 0;
}

/** The members of a list field, in lower case. */
export function listOf(field: unknown): readonly string[] {
  const text = [field ?? ''].flat().join(',');
  const members = text.split(',').map((member) => member.trim().toLowerCase());
  return members.filter((member) => member !== '');
}

/** The value of a field, as one text; `undefined` where it is absent. */
export function fieldOf({ headers }: ResponseState, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : [value].flat().join(', ');
}

/** Does this `Cache-Control` keep an answer out of what others see? */
export function isForNobodyElse(field: unknown): boolean {
  if (field === undefined) return false;
  const directives = parseCacheControl([field].flat().join(','));
  return directives.has('private') || directives.has('no-store');
}

/** Adds to `Vary` what is not there: somebody else may have named headers as well. */
export function addVary(response: LiveResponse, names: readonly string[]): void {
  if (names.length === 0) return;
  const given = response.getHeader?.('vary');
  const field = varyWith(given, names);
  if (field !== given) setHeader(response, 'Vary', field);
}

/** The field `Vary` with these names added to it; as it was given where they are all there. */
export function varyWith(given: unknown, names: readonly string[]): HeaderValue {
  const present = listOf(given);
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length === 0 || present.includes('*')) return given as HeaderValue;
  return [...(given === undefined ? [] : [given].flat()), ...missing].join(', ');
}

function setAny(response: LiveResponse, name: string, value: unknown): void {
  const text = textOf(value);
  if (text !== undefined && response.getHeader?.(name) !== value) setHeader(response, name, text);
}

function textOf(value: unknown): HeaderValue | undefined {
  if (Array.isArray(value)) return value.map(String);
  return value === undefined ? undefined : String(value);
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || (other !== undefined && String(one) === String(other));
}
