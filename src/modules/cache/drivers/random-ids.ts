import { randomFillSync } from 'node:crypto';
import { ID_BYTES } from './stored-value.js';

const IDS_AT_ONCE = 512;

let pool = Buffer.alloc(0);

/** 8 random bytes. Drawn many at once: each draw is a call of the operating system. */
export function randomId(): Buffer {
  // A pool of its own each time: what was handed out is never overwritten.
  if (pool.length === 0) pool = randomFillSync(Buffer.allocUnsafeSlow(ID_BYTES * IDS_AT_ONCE));
  const id = pool.subarray(0, ID_BYTES);
  pool = pool.subarray(ID_BYTES);
  return id;
}
