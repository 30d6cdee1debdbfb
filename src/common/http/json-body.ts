import { setHeader, type HttpResponse } from './http-exchange.js';

/** What of Express' response and of Fastify's reply decides how an object becomes JSON. */
export interface JsonResponse extends HttpResponse {
  /** Fastify: by the route's schema or the application's serializer. */
  serialize?(value: unknown): unknown;
  /** Express: the application with its `json …` settings. */
  readonly app?: { get(setting: string): unknown };
}

type Replacer = Parameters<typeof JSON.stringify>[1];

/**
 * The JSON in which the platform would send `value`; `undefined` where it would send something
 * else. Throws what the platform would throw (a cycle, a bigint).
 */
export function serializeJson(response: JsonResponse, value: object): Buffer | undefined {
  const text =
    typeof response.serialize === 'function'
      ? response.serialize(value)
      : stringifyAsExpress(response, value);
  return typeof text === 'string' ? Buffer.from(text) : undefined;
}

/** Marks the response as JSON, and gives the bytes the form that the platform sends untouched. */
export function jsonBody(response: JsonResponse, json: Buffer): Buffer | string {
  setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
  return typeof response.serialize === 'function' ? json : json.toString();
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
};

/** As `res.json` does: https://expressjs.com/en/5x/api.html#app.settings.table */
function stringifyAsExpress({ app }: JsonResponse, value: object): string | undefined {
  const spaces = app?.get('json spaces') as string | number | undefined;
  const replacer = app?.get('json replacer') as Replacer;
  const text = JSON.stringify(value, replacer, spaces) as string | undefined;
  if (!app?.get('json escape')) return text;
  return text?.replace(/[<>&]/g, (character) => HTML_ESCAPES[character] ?? character);
}
