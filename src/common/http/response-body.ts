import { isAscii } from 'node:buffer';
import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { HttpResponse } from './http-exchange.js';

/** What of Express' response and of Fastify's reply decides how a value is sent. */
export interface BodyResponse extends HttpResponse {
  readonly statusCode?: number;
  getHeader?(name: string): unknown;
  /** Fastify: by the route's schema or the application's serializer. */
  serialize?(value: unknown): unknown;
  /** Express: the application with its `json …` settings. */
  readonly app?: { get(setting: string): unknown };
}

/** What goes over the wire. */
export interface ResponseBody {
  readonly bytes: Buffer;
  /** The `Content-Type`; `undefined` for none. */
  readonly type: string | undefined;
}

type Replacer = Parameters<typeof JSON.stringify>[1];

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The bytes in which the platform would send what a handler returned. `undefined` where it would
 * send something else, or where that can be read once only (a stream). Throws what the platform
 * would throw (a cycle, a bigint).
 *
 * @param status of the answer, by which Fastify picks a schema
 */
export function responseBody(
  response: BodyResponse,
  value: unknown,
  status: number,
): ResponseBody | undefined {
  if (value instanceof Error || isReadOnce(value)) return undefined;
  const given = response.getHeader?.('content-type');
  const type = typeof given === 'string' ? given : undefined;
  return isFastify(response)
    ? bodyOfFastify(value, type, (object) => serializeAsFastify(response, object, status))
    : bodyOfExpress(value, type, (object) => stringifyAsExpress(response, object));
}

/** Can it be sent only once? */
export function isReadOnce(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return (
    value instanceof StreamableFile ||
    value instanceof ReadableStream ||
    value instanceof Response ||
    'pipe' in value ||
    Symbol.asyncIterator in value
  );
}

/** Bytes, and the text that they are where all of it is ASCII. */
export interface RawBody {
  readonly bytes: Buffer;
  /** Node sends it in one piece with the headers, which spares a third of what sending bytes costs. */
  readonly text: string | undefined;
}

/** Gives the bytes the form that the platform sends untouched, when a handler returns it. */
export function rawBody(response: BodyResponse, body: RawBody): unknown {
  // An empty text would get a type.
  if (isFastify(response)) return body.bytes.length === 0 ? undefined : (body.text ?? body.bytes);
  // Nest has Express send every object as JSON, bytes too.
  sendInstead(response as RawResponse, body);
  return body.bytes;
}

/** The same bytes in the form in which they are sent the fastest. */
export function rawBodyOf(bytes: Buffer): RawBody {
  return { bytes, text: isAscii(bytes) ? bytes.toString('latin1') : undefined };
}

/** What a handler returns for an answer that has no body and no `Content-Length`: 204 and 304. */
export function noBody(response: BodyResponse, method: string): unknown {
  if (method !== 'HEAD' || !isFastify(response)) return undefined;
  // To nothing at all Fastify would add a length of 0; of a stream it knows none. Nest gives one that
  // can be iterated a type, and so this one cannot.
  return Object.defineProperty(Readable.from([]), Symbol.asyncIterator, { value: undefined });
}

type Serialize = (value: unknown) => string | undefined;

/** As `reply()` of Nest's adapter and `res.send` do. */
function bodyOfExpress(
  value: unknown,
  given: string | undefined,
  serialize: Serialize,
): ResponseBody | undefined {
  if (value === undefined || value === null) return { bytes: Buffer.alloc(0), type: given };
  const isObject = typeof value === 'object';
  if (isObject && given !== undefined && !given.includes('json')) return undefined;
  const text = isObject ? serialize(value) : String(value);
  if (text === undefined) return undefined;
  const type = given === undefined ? undefined : withCharset(given);
  return { bytes: Buffer.from(text), type: type ?? (isObject ? JSON_TYPE : HTML_TYPE) };
}

const HTML_TYPE = 'text/html; charset=utf-8';

/** As `reply.send` does. */
function bodyOfFastify(
  value: unknown,
  given: string | undefined,
  serialize: Serialize,
): ResponseBody | undefined {
  if (value === undefined) return { bytes: Buffer.alloc(0), type: given };
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { bytes, type: given ?? 'application/octet-stream' };
  }
  if (typeof value === 'string') {
    const type = given?.includes('json') ? withCharset(given) : given;
    return { bytes: Buffer.from(value), type: type ?? 'text/plain; charset=utf-8' };
  }
  if (given !== undefined && !given.includes('json')) return undefined;
  const text = serialize(value);
  if (text === undefined) return undefined;
  return { bytes: Buffer.from(text), type: given === undefined ? JSON_TYPE : withCharset(given) };
}

function withCharset(type: string): string {
  return /;\s*charset=/i.test(type) ? type : `${type}; charset=utf-8`;
}

function isFastify(response: BodyResponse): boolean {
  return typeof response.serialize === 'function';
}

function serializeAsFastify(
  response: BodyResponse,
  value: unknown,
  status: number,
): string | undefined {
  // The reply may have been sent with another status long ago.
  const isLive = response.statusCode === status;
  const raw = { value: { statusCode: status } };
  const reply = isLive ? response : (Object.create(response, { raw }) as BodyResponse);
  const text = reply.serialize?.(value);
  return typeof text === 'string' ? text : undefined;
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
};

/** As `res.json` does: https://expressjs.com/en/5x/api.html#app.settings.table */
function stringifyAsExpress({ app }: BodyResponse, value: unknown): string | undefined {
  const spaces = app?.get('json spaces') as string | number | undefined;
  const replacer = app?.get('json replacer') as Replacer;
  const text = JSON.stringify(value, replacer, spaces) as string | undefined;
  if (!app?.get('json escape')) return text;
  return text?.replace(/[<>&]/g, (character) => HTML_ESCAPES[character] ?? character);
}

/** Has `res.json` send these bytes as they are; whatever else it is given, an error say, as ever. */
function sendInstead(response: RawResponse, { bytes, text }: RawBody): void {
  response.json = (body) => {
    Reflect.deleteProperty(response, 'json');
    if (body !== bytes) return response.json(body);
    response.setHeader('Content-Length', String(bytes.length));
    return response.end(text ?? bytes);
  };
}

/** Express' response. */
interface RawResponse extends BodyResponse {
  json(body: unknown): unknown;
  setHeader(name: string, value: string): unknown;
  end(body: Buffer | string): unknown;
}
