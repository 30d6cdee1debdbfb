import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createBackend } from '../../src/app/create-backend.js';
import { loadConfig } from '../../src/common/config/index.js';
import { listen, type TestApp } from '../support/app.js';
import { patient } from '../support/patient.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';
import { type Bindings, fillIn, matchExpected } from '../support/transcript/match-expected.js';
import {
  type CurlRequest,
  type Exchange,
  parseCurl,
  parseTranscript,
} from '../support/transcript/parse-transcript.js';

const DOCS = path.resolve(__dirname, '../../docs');
const TOKEN = 'a-token-for-the-transcripts';
/** Pages with jobs start an embedded database, which takes a slow machine its time. */
const EMBEDDED_MS = 120_000;
/** What the pages say instead of the address and the token. */
const ORIGIN = 'http://localhost:3000';
const TOKEN_VARIABLE = '$ADMIN_TOKEN';

const PAGES = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({
    name,
    exchanges: parseTranscript(readFileSync(path.join(DOCS, name), 'utf8')),
  }))
  .filter(({ exchanges }) => exchanges.length > 0);

describe.each(['embedded', 'redis'] as const)('the transcripts of docs/, %s', (mode) => {
  const redis = mode === 'redis' ? useRedis('standalone') : undefined;

  it.each(PAGES)(
    '$name',
    async ({ name, exchanges }) => {
      const environment = {
        ADMIN_TOKEN: TOKEN,
        ...(redis === undefined ? {} : { REDIS_URL: redis().url, REDIS_PREFIX: uniquePrefix() }),
      };
      const { app } = await createBackend({
        config: loadConfig(environment),
        platform: 'fastify',
        // Nothing is left in the folder of the test run.
        adjust: (options) =>
          patient({ ...options, queue: { ...options.queue, dataDir: 'memory://' } }),
      });
      await using server = await listen(app);
      const bindings: Bindings = new Map([['mode', mode === 'redis' ? 'redis' : 'memory']]);
      for (const exchange of exchanges) await replay(exchange, { server, bindings, page: name });
    },
    EMBEDDED_MS,
  );
});

interface Stage {
  readonly server: TestApp;
  readonly bindings: Bindings;
  readonly page: string;
}

async function replay(exchange: Exchange, { server, bindings, page }: Stage): Promise<void> {
  const command = fillIn(exchange.command, bindings)
    .replaceAll(ORIGIN, server.url)
    .replaceAll(TOKEN_VARIABLE, TOKEN);
  const printed = (await run(parseCurl(command))).replaceAll(server.url, ORIGIN);
  if (matchExpected(exchange.expected, printed, bindings)) return;
  throw new Error(
    `docs/${page}:${exchange.line}\n$ ${exchange.command}\nprinted\n${printed}\ninstead of\n${exchange.expected}`,
  );
}

/** Does what curl would do, and gives what it would print. */
async function run({ url, method, headers, body, ...how }: CurlRequest): Promise<string> {
  // What curl says of -d unless it is told better: a page that forgets the type has to show what
  // comes of it.
  const form = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
  const response = await fetch(url, {
    method,
    headers: { ...form, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text =
    how.seconds === undefined ? await response.text() : await readFor(response, how.seconds);
  if (!how.showsHead) return text;
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${response.status} ${response.statusText}`, ...head, text].join('\n');
}

/** What a stream sends in so many seconds. */
async function readFor(response: Response, seconds: number): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  const timer = setTimeout(() => void reader?.cancel(), seconds * 1_000);
  let text = '';
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  clearTimeout(timer);
  return text;
}
