import { isIP } from 'node:net';
import type { RedisNode } from '../redis/redis.options.js';
import { Problem } from './problem.js';

// Underscores are no part of a DNS host name, but Docker Compose makes names with them.
const HOST_NAME = /^\w[\w.-]{0,252}$/;
const NODE = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/;
const DATABASE_PATH = /^\/?\d{0,5}$/;
/** The only option an address may carry; others, such as `keyPrefix`, would bypass our own. */
const REDIS_QUERY = /^(?:\?family=[046])?$/;

/** A host name or an IP address, without scheme, port or brackets. */
export function parseHost(text: string): string | Problem {
  if (isHost(text)) return text;
  return new Problem('must be a host name or an IP address, without scheme and port');
}

/** `host:port,host:port`; the port may be left out, an IPv6 address stands in brackets. */
export function parseNodes(text: string): readonly RedisNode[] | Problem {
  const nodes = text.split(',').map((entry) => parseNode(entry.trim()));
  const good = nodes.filter((node) => node !== undefined);
  if (good.length === nodes.length) return good;
  return new Problem('must be a list of host:port, separated by commas, without scheme or user');
}

/** A `redis://` or `rediss://` URL, normalised the way the URL standard writes it. */
export function parseRedisUrl(text: string): string | Problem {
  const url = parseUrl(text, ['redis:', 'rediss:']);
  if (url instanceof Problem) return url;
  if (url.hostname === '') return new Problem('names no host');
  if (!DATABASE_PATH.test(url.pathname)) {
    return new Problem('must end after the port or with a database number, such as /0');
  }
  if (url.hash !== '' || !REDIS_QUERY.test(url.search)) {
    return new Problem('must carry no options but ?family=4, 6 or 0');
  }
  return url.href;
}

/** A parser of URLs with one of the schemes; the text is kept as it is. */
export function urlParser(...schemes: readonly string[]): (text: string) => string | Problem {
  return (text) => {
    const url = parseUrl(text, schemes);
    if (url instanceof Problem) return url;
    // PostgreSQL names the directory of a Unix socket as `?host=`.
    if (url.hostname === '' && !url.searchParams.get('host')) return new Problem('names no host');
    return text;
  };
}

function parseUrl(text: string, schemes: readonly string[]): URL | Problem {
  const scheme = schemes.find((candidate) => text.toLowerCase().startsWith(`${candidate}//`));
  if (scheme === undefined) {
    return new Problem(`must start with ${schemes.map((name) => `${name}//`).join(' or ')}`);
  }
  if (/\s/.test(text) || !URL.canParse(text)) {
    return new Problem('is not a URL; percent-encode special characters in the password');
  }
  const url = new URL(text);
  if (canDecode(url.username) && canDecode(url.password)) return url;
  return new Problem('has a stray % in its user or password; write it as %25');
}

function parseNode(entry: string): RedisNode | undefined {
  const [, bracketed, plain, port] = NODE.exec(entry) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || !isHost(host) || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    return undefined;
  }
  if (port === undefined) return { host };
  return Number(port) >= 1 && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}

function isHost(text: string): boolean {
  return isIP(text) !== 0 || HOST_NAME.test(text);
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    // Only says that the text is malformed, which is the answer.
    return false;
  }
}
