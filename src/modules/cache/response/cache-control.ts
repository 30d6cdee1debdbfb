/** Directives by their name in lower case; `true` for one without an argument. */
export type Directives = ReadonlyMap<string, string | true>;

const DIRECTIVE = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;

const NONE: Directives = new Map();

/**
 * The directives of a `Cache-Control` field (RFC 9111, 5.2). Of one that is there twice the first
 * holds (4.2.1).
 */
export function parseCacheControl(field: string | undefined): Directives {
  if (field === undefined || field === '') return NONE;
  const found = new Map<string, string | true>();
  for (const [, name = '', quoted, plain] of field.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted ?? plain ?? true);
  }
  return found;
}

/**
 * The seconds of a directive; `undefined` where it is absent. 0 for what is no number of seconds: who
 * sends that cannot be understood, and counts as stale (4.2.1).
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const given = directives.get(name);
  if (given === undefined) return undefined;
  return typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : 0;
}

const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The moment of an HTTP date, in ms since the epoch; `undefined` for anything else. The two obsolete
 * formats are not read: nobody is served anything old for that.
 */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined || !IMF_FIXDATE.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
