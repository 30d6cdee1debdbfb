import { CodecError, EncodedValueTooLargeError, ValueCodec } from '../../common/codec/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import type { StoredSession } from './session.driver.js';
import { SessionTooLargeError } from './session.errors.js';
import type { Session, SessionData, SessionDevice } from './session.js';

/** Where a session was opened from. */
export interface SessionOrigin {
  readonly ip: string | undefined;
  readonly device: SessionDevice | undefined;
}

const MAX_ORIGIN_BYTES = 4_096;
/** The longest IPv6 address with a zone. */
const MAX_IP_LENGTH = 64;

/**
 * Turns what a session holds into bytes and back, type for type. What comes back is made anew each
 * time, and no property of it can reach `Object.prototype`.
 */
export class SessionCodec {
  readonly #data: ValueCodec;
  readonly #origin = new ValueCodec({ maxBytes: MAX_ORIGIN_BYTES });

  constructor(maxDataBytes: number) {
    this.#data = new ValueCodec({ maxBytes: maxDataBytes });
  }

  /**
   * @throws InvalidOptionError unless it is an object
   * @throws SessionTooLargeError
   * @throws CodecError
   */
  async encodeData(data: unknown): Promise<Buffer> {
    if (!isDictionary(data)) throw new InvalidOptionError('data', 'must be a plain object');
    return bounded('data', () => this.#data.encode(data));
  }

  /** @throws InvalidOptionError @throws SessionTooLargeError @throws CodecError */
  async encodeOrigin({ ip, device }: SessionOrigin): Promise<Buffer> {
    if (ip !== undefined && (typeof ip !== 'string' || ip.length > MAX_IP_LENGTH)) {
      throw new InvalidOptionError('ip', `must be a text of at most ${MAX_IP_LENGTH} characters`);
    }
    if (device !== undefined && typeof device !== 'string' && !isDictionary(device)) {
      throw new InvalidOptionError('device', 'must be a text or a plain object');
    }
    return bounded('device', () => this.#origin.encode({ ip, device }));
  }

  async decodeData(bytes: Buffer): Promise<SessionData> {
    const data = await this.#data.decode(bytes);
    if (isDictionary(data)) return data;
    throw new CodecError('The stored data is no object; treat the session as absent.');
  }

  /** @throws CodecError when this release cannot read what is stored */
  async decode(stored: StoredSession): Promise<Session> {
    const { ip, device } = await this.#decodeOrigin(stored.origin);
    return {
      id: stored.id,
      userId: stored.userId,
      data: await this.decodeData(stored.data),
      device,
      ip,
      createdAt: new Date(stored.createdAtMs),
      lastSeenAt: new Date(stored.lastSeenAtMs),
      expiresAt: new Date(stored.expiresAtMs),
    };
  }

  /** Sessions of `put` come from nowhere. */
  async #decodeOrigin(bytes: Buffer): Promise<SessionOrigin> {
    if (bytes.length === 0) return { ip: undefined, device: undefined };
    return (await this.#origin.decode(bytes)) as SessionOrigin;
  }
}

/** By shape: an object may come from another realm than this code. */
function isDictionary(value: unknown): value is SessionData {
  return Object.prototype.toString.call(value) === '[object Object]';
}

async function bounded(
  part: 'data' | 'device',
  encode: () => Buffer | Promise<Buffer>,
): Promise<Buffer> {
  try {
    return await encode();
  } catch (error) {
    if (!(error instanceof EncodedValueTooLargeError)) throw error;
    throw new SessionTooLargeError(part, error.bytes, error.maxBytes);
  }
}
