import { randomFillSync } from 'node:crypto';

/** 128 bits: nobody guesses it and no two are the same. */
const TOKEN_BYTES = 16;

/** Random bytes of this many tokens are got at once: to ask for few costs as much as to ask for many. */
const POOLED = 256;

const pool = Buffer.alloc(POOLED * TOKEN_BYTES);
let used = pool.length;

/** An opaque token that proves who holds a lock. */
export function makeToken(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const token = pool.toString('base64url', used, used + TOKEN_BYTES);
  pool.fill(0, used, used + TOKEN_BYTES);
  used += TOKEN_BYTES;
  return token;
}
