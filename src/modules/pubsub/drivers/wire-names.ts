import {
  decodePart,
  encodedMatch,
  type KeySpace,
  MAX_KEY_BYTES,
} from '../../../common/redis/index.js';
import { PUBSUB_EVENTS } from '../pubsub.keys.js';

/**
 * Names of Redis channels: `<prefix>:pubsub:v1:{<channel>}`. Channels know no database number, so
 * the prefix alone keeps applications apart; an ACL rule `&<prefix>:*` covers them.
 */
export class WireNames {
  readonly #keys: KeySpace;
  readonly #start: string;

  constructor(keys: KeySpace) {
    this.#keys = keys;
    this.#start = `${keys.root(PUBSUB_EVENTS)}{`;
  }

  /** @throws InvalidOptionError when the channel is empty or longer than 1 kB */
  channel(channel: string): string {
    return this.#keys.key(PUBSUB_EVENTS, channel);
  }

  /** A PSUBSCRIBE pattern that matches at least every channel the glob means. */
  pattern(pattern: string): string {
    return `${this.#start}${encodedMatch(pattern)}}`;
  }

  /** The channel of a Redis channel; `undefined` where it has a name that we never give. */
  decode(wire: string): string | undefined {
    const channel = decodePart(wire.slice(this.#start.length, -1)) ?? '';
    const isOurs = channel !== '' && Buffer.byteLength(channel) <= MAX_KEY_BYTES;
    return isOurs ? channel : undefined;
  }
}
