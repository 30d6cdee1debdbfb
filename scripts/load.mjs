/**
 * Drives a running backend with mixed requests and says how it fared, second by second: kill its
 * Redis meanwhile and watch. `node scripts/load.mjs --help` has the options.
 */
import { lookup } from 'node:dns/promises';
import { Agent, request } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const HELP = `Drives a running backend for a while with mixed requests.

  npm run load -- [--url http://127.0.0.1:3000] [--seconds 60] [--rate 500] [--clients 200]

  --url      http address of the backend; only this machine itself is accepted
  --seconds  how long, 1 to 600
  --rate     requests per second at most, 1 to 10000
  --clients  addresses the requests are spread over through X-Forwarded-For, 1 to 10000; start the
             backend with TRUST_PROXY=loopback, else it sees one client and its limits answer most

Expected answers are 2xx, 429 where there is a limit, and 404 for the path that does not exist.
Exit code 1 when there was a 5xx, another unexpected answer, or a connection failed.`;

/** What is asked, how often in a hundred, and what may come back besides 2xx. */
const MIX = [
  { share: 50, expected: [429], path: (n) => `/api/cached-data?user_id=${n % 50}` },
  { share: 15, expected: [429], path: () => '/api/rate-limited' },
  { share: 5, expected: [429], path: () => '/api/slow-limited' },
  { share: 15, expected: [], path: () => '/health' },
  { share: 15, expected: [404, 429], path: () => '/no-such-path' },
];
const DECK = MIX.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
/** Coprime to the deck's length, so that the kinds come mixed. */
const STRIDE = 37;

const TICK_MS = 10;
/** Requests under way at once; beyond it the backend is slower than the rate, and we wait. */
const MAX_IN_FLIGHT = 100;
const REQUEST_TIMEOUT_MS = 10_000;

const options = await readOptions();
const agent = new Agent({ keepAlive: true, maxSockets: MAX_IN_FLIGHT });
const total = newStatistics();
let second = newStatistics();
let services = '';
let inFlight = 0;

process.exitCode = await main();

async function main() {
  const startedAt = performance.now();
  const printer = setInterval(printSecond, 1_000);
  await drive(startedAt);
  while (inFlight > 0) await delay(TICK_MS);
  clearInterval(printer);
  agent.destroy();
  printEnd((performance.now() - startedAt) / 1_000);
  return total.failed + total.unexpected === 0 && total.sent > 0 ? 0 : 1;
}

async function drive(startedAt) {
  let stopped = false;
  process.once('SIGINT', () => (stopped = true));
  while (!stopped) {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs >= options.seconds * 1_000) return;
    const due = Math.floor((elapsedMs * options.rate) / 1_000);
    while (total.sent < due && inFlight < MAX_IN_FLIGHT) void send(total.sent);
    await delay(TICK_MS);
  }
}

async function send(n) {
  const kind = DECK[(n * STRIDE) % DECK.length];
  const sentAt = performance.now();
  total.sent += 1;
  inFlight += 1;
  try {
    const answer = await get(kind.path(n), clientAddress(n));
    record(kind, answer, performance.now() - sentAt);
  } catch (error) {
    for (const statistics of [total, second]) {
      statistics.failed += 1;
      count(statistics.statuses, error.code ?? error.message);
    }
  } finally {
    inFlight -= 1;
  }
}

function get(path, client) {
  const headers = { 'X-Forwarded-For': client };
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, options.url), { agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text));
      response.once('end', () => resolve({ response, body }));
      response.once('error', reject);
    });
    outgoing.setTimeout(REQUEST_TIMEOUT_MS, () => outgoing.destroy(new Error('timeout')));
    outgoing.once('error', reject).end();
  });
}

/** From 198.18.0.0/15, which is for measuring networks (RFC 2544) and nobody's address. */
function clientAddress(n) {
  const client = n % options.clients;
  return `198.18.${client >> 8}.${client & 255}`;
}

function record(kind, { response, body }, latencyMs) {
  const { statusCode, headers } = response;
  const isExpected = (statusCode >= 200 && statusCode < 300) || kind.expected.includes(statusCode);
  if (kind.path() === '/health') services = describeServices(body);
  for (const statistics of [total, second]) {
    statistics.answered += 1;
    if (!isExpected) statistics.unexpected += 1;
    count(statistics.statuses, statusCode);
    count(statistics.limits, headers['x-ratelimit-backend']);
    count(statistics.cache, headers['x-cache']);
    statistics.latency.record(Math.max(1, Math.round(latencyMs * 1_000)));
  }
}

/** What `/health` says backs each service. */
function describeServices(body) {
  try {
    const { status, services: backing } = JSON.parse(body);
    const parts = Object.entries(backing).map(([name, value]) => `${name}=${value}`);
    return `${status}: ${parts.join(' ')}`;
  } catch {
    return 'not readable';
  }
}

function newStatistics() {
  return {
    sent: 0,
    answered: 0,
    failed: 0,
    unexpected: 0,
    statuses: new Map(),
    limits: new Map(),
    cache: new Map(),
    latency: createHistogram(),
  };
}

function count(map, key) {
  if (key !== undefined) map.set(key, (map.get(key) ?? 0) + 1);
}

function printSecond() {
  const { answered, statuses, limits, cache, latency } = second;
  console.log(
    `${new Date().toISOString().slice(11, 19)}  ${String(answered).padStart(5)}/s  ${show(statuses)}  ` +
      `p99 ${milliseconds(latency.percentile(99))}  limits ${show(limits)}  cache ${show(cache)}  health ${services}`,
  );
  second = newStatistics();
}

function printEnd(seconds) {
  const { sent, answered, failed, unexpected, statuses, limits, cache, latency } = total;
  const serverErrors = [...statuses].filter(([status]) => status >= 500);
  const fiveHundreds = serverErrors.reduce((sum, [, times]) => sum + times, 0);
  const good = answered - unexpected;
  console.log(`
requests      ${sent} in ${seconds.toFixed(1)} s, ${(answered / seconds).toFixed(0)}/s
as expected   ${((good / Math.max(1, sent)) * 100).toFixed(3)} %  (2xx, 429 of a limit, 404 of the path that does not exist)
5xx           ${fiveHundreds}
unexpected    ${unexpected - fiveHundreds} other, ${failed} without an answer
answers       ${show(statuses)}
latency       p50 ${milliseconds(latency.percentile(50))}, p99 ${milliseconds(latency.percentile(99))}, max ${milliseconds(latency.max)}
limits from   ${show(limits)}
cache         ${show(cache)}
health        ${services}`);
  if ((statuses.get(429) ?? 0) > answered * 0.6) {
    console.log('Mostly 429: does the backend run with TRUST_PROXY=loopback?');
  }
}

function show(map) {
  const parts = [...map].toSorted(([a], [b]) => String(a).localeCompare(String(b)));
  return parts.map(([key, times]) => `${key}×${times}`).join(' ') || '–';
}

function milliseconds(micros) {
  return `${(micros / 1_000).toFixed(1)} ms`;
}

async function readOptions() {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:3000' },
      seconds: { type: 'string', default: '60' },
      rate: { type: 'string', default: '500' },
      clients: { type: 'string', default: '200' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  return {
    url: await loopbackUrl(values.url),
    seconds: wholeNumber('seconds', values.seconds, 600),
    rate: wholeNumber('rate', values.rate, 10_000),
    clients: wholeNumber('clients', values.clients, 10_000),
  };
}

/** Load is for one's own machine: any other target is refused, whatever name it goes by. */
async function loopbackUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : refuse(`--url "${text}" is not a URL`);
  if (url.protocol !== 'http:') refuse('--url must start with http://');
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  own.addAddress('::1', 'ipv6');
  const [target] = await lookup(url.hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() =>
    refuse(`--url: ${url.hostname} has no address`),
  );
  const { address } = target;
  if (!own.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) {
    refuse(`--url: ${url.hostname} is not this machine; only loopback addresses are accepted`);
  }
  url.hostname = isIPv6(address) ? `[${address}]` : address;
  return url;
}

function wholeNumber(name, text, maximum) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= maximum) return value;
  return refuse(`--${name} must be a whole number from 1 to ${maximum}`);
}

function refuse(message) {
  console.error(`load: ${message}`);
  process.exit(2);
}
