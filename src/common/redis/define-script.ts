import type { RedisClient } from './client-factory.js';

export type ScriptArgument = string | number | Buffer;

/** A Lua script with typed keys, arguments and reply. */
export interface RedisScript<Keys, Args, Reply> {
  readonly name: string;
  /** `'write'` scripts refuse to run after their caller stopped waiting. */
  readonly mode: 'read' | 'write';
  /** The complete source as the server gets it. */
  readonly source: string;
  readonly keys: (keys: Keys) => readonly string[];
  readonly args: (args: Args) => readonly ScriptArgument[];
  /** Turns the raw reply into the typed one. Strings arrive as text unless `bytes` is set. */
  readonly decode: (reply: unknown) => Reply;
  /** Ask for binary-safe replies. */
  readonly bytes: boolean;
}

export interface ScriptDefinition<Keys, Args, Reply> {
  readonly name: string;
  readonly mode: 'read' | 'write';
  readonly lua: string;
  readonly keys: (keys: Keys) => readonly string[];
  readonly args: (args: Args) => readonly ScriptArgument[];
  readonly decode: (reply: unknown) => Reply;
  /** @default false */
  readonly bytes?: boolean;
}

/** Number of arguments our own prelude takes before the script's. */
const PRELUDE_ARGUMENTS = 2;

/**
 * ARGV[1]  server time in ms from which a write is refused
 * ARGV[2]  '' in production; a test that steps time gives the time to use instead
 * Leaves `now` (ms) and `arg(i)`, the script's own i-th argument.
 */
const PRELUDE = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function arg(i) return ARGV[i + ${PRELUDE_ARGUMENTS}] end
`;
const REFUSE_LATE = `
if now >= tonumber(ARGV[1]) then return { 'late', now } end
`;
const STEPPED_TIME = `
if ARGV[2] ~= '' then now = tonumber(ARGV[2]) end
`;

/**
 * Defines a Lua script. The source sees `now` (server time, whole ms), `KEYS` and `arg(i)`.
 *
 * A `'write'` script starts with the refusal described at `ServerClock`; all are sent by hash and
 * loaded when the server does not know them (EVALSHA, then EVAL on NOSCRIPT).
 */
export function defineScript<Keys, Args, Reply>(
  definition: ScriptDefinition<Keys, Args, Reply>,
): RedisScript<Keys, Args, Reply> {
  const { lua, bytes = false, ...rest } = definition;
  const refusal = definition.mode === 'write' ? REFUSE_LATE : '';
  return { ...rest, bytes, source: `${PRELUDE}${refusal}${STEPPED_TIME}${lua}` };
}

type Invoke = (...args: readonly ScriptArgument[]) => Promise<unknown>;

/** The commands made for each client; weak, so that a closed client takes them with it. */
const invokers = new WeakMap<RedisClient, Map<string, Invoke>>();

/** The function that runs `script` on `client`; made once for each pair. */
export function scriptInvoker<Keys, Args, Reply>(
  client: RedisClient,
  script: RedisScript<Keys, Args, Reply>,
): Invoke {
  const known = invokers.get(client) ?? new Map<string, Invoke>();
  invokers.set(client, known);
  const existing = known.get(script.name);
  if (existing !== undefined) return existing;
  const created = createInvoker(client, script);
  known.set(script.name, created);
  return created;
}

function createInvoker<Keys, Args, Reply>(
  client: RedisClient,
  script: RedisScript<Keys, Args, Reply>,
): Invoke {
  const command = `backplane:${script.name}`;
  client.defineCommand(command, { lua: script.source });
  // defineCommand adds methods at run time that the client's type cannot know.
  const method: unknown = Reflect.get(client, script.bytes ? `${command}Buffer` : command);
  if (typeof method !== 'function') throw new TypeError(`ioredis did not define ${command}`);
  return (...args) => Promise.resolve(Reflect.apply(method, client, args));
}

/**
 * The server's time in a refusal as late; `undefined` for any other reply. Takes text and bytes as
 * well: a refusal that is taken for an answer would be a write that never happened.
 */
export function timeOfRefusal(reply: unknown): number | undefined {
  if (!Array.isArray(reply) || reply.length !== 2 || String(reply[0]) !== 'late') return undefined;
  const time = Number(String(reply[1]));
  return Number.isFinite(time) ? time : undefined;
}
