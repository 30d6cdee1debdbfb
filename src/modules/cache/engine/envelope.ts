import { randomBytes } from 'node:crypto';
import { CodecError } from '../../../common/codec/index.js';

/** What is kept with the bytes of a value. */
export interface Envelope {
  /** For how long it was stored, ms. */
  readonly lifeMs: number;
  /** Part of that, at its end, in which it is not fresh any more, ms. */
  readonly graceMs: number;
  /** How long it took to make, ms. */
  readonly loadMs: number;
}

/** First byte of every entry; another one is another release's, and counts as absent. */
const VERSION = 0x21;
const LIFE_AT = 1;
const GRACE_AT = LIFE_AT + 8;
const LOAD_AT = GRACE_AT + 8;
const ID_AT = LOAD_AT + 4;
const ID_BYTES = 6;
const LENGTH = ID_AT + ID_BYTES;

const MAX_LOAD_MS = 2 ** 32 - 1;

/** What was unsealed, and what tells it from every other one. */
export interface Unsealed extends Envelope {
  readonly id: number;
  readonly value: Buffer;
}

/** Version, life and grace as doubles, time to load as a whole number of 32 bits, id; the value. */
export function seal({ lifeMs, graceMs, loadMs }: Envelope, value: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(LENGTH + value.length);
  bytes[0] = VERSION;
  bytes.writeDoubleBE(lifeMs, LIFE_AT);
  bytes.writeDoubleBE(graceMs, GRACE_AT);
  bytes.writeUInt32BE(Math.min(MAX_LOAD_MS, Math.ceil(loadMs)), LOAD_AT);
  nextId().copy(bytes, ID_AT);
  value.copy(bytes, LENGTH);
  return bytes;
}

/** @throws CodecError when another release or program wrote the bytes */
export function unseal(bytes: Buffer): Unsealed {
  if (bytes[0] !== VERSION || bytes.length < LENGTH) {
    throw new CodecError('The stored entry has an unknown format; treat it as absent.');
  }
  return {
    lifeMs: bytes.readDoubleBE(LIFE_AT),
    graceMs: bytes.readDoubleBE(GRACE_AT),
    loadMs: bytes.readUInt32BE(LOAD_AT),
    id: bytes.readUIntBE(ID_AT, ID_BYTES),
    value: bytes.subarray(LENGTH),
  };
}

/** Random bytes for some ids are asked for at once: one by one they cost more than all the rest. */
const POOL = { bytes: Buffer.alloc(0), used: 0 };

function nextId(): Buffer {
  if (POOL.used >= POOL.bytes.length) {
    POOL.bytes = randomBytes(ID_BYTES * 512);
    POOL.used = 0;
  }
  POOL.used += ID_BYTES;
  return POOL.bytes.subarray(POOL.used - ID_BYTES, POOL.used);
}
