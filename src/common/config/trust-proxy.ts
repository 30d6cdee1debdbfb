import { isIP } from 'node:net';
import { Problem } from './problem.js';

/**
 * Whose `X-Forwarded-*` headers are believed: nobody's, those of the last so many hops, or those of
 * the listed addresses. The values mean the same to Express and to Fastify.
 */
export type TrustProxy = false | number | readonly string[];

const NAMED_RANGES: readonly string[] = ['loopback', 'linklocal', 'uniquelocal'];
const MAX_HOPS = 32;
const EVERYBODY = new Problem(
  'must not trust everybody, or any client could forge its address with X-Forwarded-For; ' +
    'give the number of proxies in front or their addresses',
);
const MALFORMED = new Problem(
  `must be false, a number of hops up to ${MAX_HOPS}, or a list of IP addresses, CIDR ranges, ` +
    NAMED_RANGES.join(', '),
);

/** `false` and `0` trust nobody; `true` and ranges of `/0`, which trust everybody, are refused. */
export function parseTrustProxy(text: string): TrustProxy | Problem {
  const word = text.toLowerCase();
  if (word === 'true') return EVERYBODY;
  if (word === 'false') return false;
  return /^\d+$/.test(word) ? parseHops(Number(word)) : parseRanges(word);
}

function parseHops(hops: number): TrustProxy | Problem {
  if (hops === 0) return false;
  return hops <= MAX_HOPS ? hops : MALFORMED;
}

function parseRanges(text: string): TrustProxy | Problem {
  const ranges = text.split(',').map((range) => range.trim());
  if (ranges.some((range) => /\/0+$/.test(range))) return EVERYBODY;
  return ranges.every(isRange) ? ranges : MALFORMED;
}

function isRange(range: string): boolean {
  if (NAMED_RANGES.includes(range)) return true;
  const [address = '', bits, ...rest] = range.split('/');
  // A zone (`fe80::1%eth0`) is about this machine's interfaces; proxy matching knows none.
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  );
}
