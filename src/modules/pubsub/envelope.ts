import { randomUUID } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors/index.js';

/** One event, as handlers and `recent` get it. */
export interface PubSubEvent<T = unknown> {
  /** A UUID; the same for every process. */
  readonly id: string;
  readonly channel: string;
  /** What came through JSON of the payload: a `Date` is a text, a `Map` an empty object. */
  readonly payload: T;
  /** ms since the epoch, by the clock of what took the event (the Redis server's). */
  readonly publishedAt: number;
  /** The instance of the module that published it; a UUID. */
  readonly origin: string;
}

/** An event that nothing has taken yet. */
export interface EventDraft {
  readonly id: string;
  readonly channel: string;
  /** The JSON of the event up to where `publishedAt` follows; whoever takes the event adds it. */
  readonly head: string;
}

/** Version of the envelope; readers take unknown fields, and treat another version as foreign. */
const VERSION = 1;

export interface DraftContent {
  readonly channel: string;
  readonly payload: unknown;
  readonly origin: string;
}

/** @throws InvalidOptionError when the payload has no JSON or too much of it */
export function createDraft(content: DraftContent, maxPayloadBytes: number): EventDraft {
  const { channel, payload, origin } = content;
  const json = jsonOf(payload);
  const bytes = Buffer.byteLength(json);
  if (bytes > maxPayloadBytes) {
    throw new InvalidOptionError(
      'payload',
      `is ${bytes} bytes of JSON; the option maxPayloadBytes allows ${maxPayloadBytes}`,
    );
  }
  const id = randomUUID();
  const frame = JSON.stringify({ v: VERSION, id, channel, origin });
  return { id, channel, head: `${frame.slice(0, -1)},"payload":${json}` };
}

/** The event as it is sent and recorded. The publish script does the same on the server. */
export function seal(draft: EventDraft, publishedAt: number): string {
  return `${draft.head},"publishedAt":${publishedAt}}`;
}

/**
 * The event of a draft that was taken; nobody else has the object.
 *
 * @throws InvalidOptionError when `publishedAt` is no whole number
 */
export function eventOf(draft: EventDraft, publishedAt: number): PubSubEvent {
  const event = decodeEvent(seal(draft, publishedAt));
  if (event !== undefined) return event;
  throw new InvalidOptionError('publishedAt', 'must be whole ms since the epoch');
}

/** `undefined` for what is no event of ours: others may publish on a channel too. */
export function decodeEvent(text: string): PubSubEvent | undefined {
  const value = parse(text);
  if (!isEnvelope(value)) return undefined;
  const { id, channel, payload, publishedAt, origin } = value;
  return { id, channel, payload, publishedAt, origin };
}

/** A copy that shares nothing, so that a handler may change what it was given. */
export function copyOf(event: PubSubEvent): PubSubEvent {
  return JSON.parse(JSON.stringify(event)) as PubSubEvent;
}

function jsonOf(payload: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload) as string | undefined;
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw new InvalidOptionError('payload', `cannot be turned into JSON (${detail})`);
  }
  if (json === undefined) {
    throw new InvalidOptionError('payload', 'must be a value that JSON has; send null for nothing');
  }
  return json;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: not ours. The receiver counts it.
    return undefined;
  }
}

function isEnvelope(value: unknown): value is PubSubEvent {
  if (typeof value !== 'object' || value === null) return false;
  const field = (name: string): unknown => Reflect.get(value, name);
  return (
    field('v') === VERSION &&
    field('channel') !== '' &&
    ['id', 'channel', 'origin'].every((name) => typeof field(name) === 'string') &&
    Number.isSafeInteger(field('publishedAt')) &&
    Object.hasOwn(value, 'payload')
  );
}
