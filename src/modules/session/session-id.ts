import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors/index.js';
import { checkKeyText } from '../../common/redis/index.js';

/** What a cookie says: which session, whose, and the proof. */
export interface SessionCredential {
  readonly id: string;
  /** `userKeyOf` the session's user. */
  readonly userKey: string;
  /** SHA-256 of the secret, 64 hexadecimal digits. */
  readonly secretHash: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const COOKIE_VALUE = /^([0-9a-f-]{36})\.([\w-]{22})\.([\w-]{43})$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

const BUCKET_DIGITS = 3;
const USER_KEY_BYTES = 16;
const SECRET_BYTES = 32;

/** How many buckets, and so hash tags, there are: 12 bits. */
export const BUCKET_COUNT = 16 ** BUCKET_DIGITS;

/**
 * A new public id of a user's session: a UUID (RFC 9562, version 4) whose first 12 bits are the
 * user's bucket, so that all keys of a user lie in one slot of a cluster and the slot is known from
 * the id alone. 110 bits stay random.
 */
export function createSessionId(userId: string): string {
  return bucketOfUser(userId) + randomUUID().slice(BUCKET_DIGITS);
}

/** 256 random bits as base64url. */
export function createSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** What is stored of a secret. A fast hash is enough: nobody guesses 256 random bits. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time wherever the two differ. */
export function isSameHash(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Stands for the user in key names, which so hold no address or name: 128 bits, 22 characters. */
export function userKeyOf(userId: string): string {
  return digest(userId).subarray(0, USER_KEY_BYTES).toString('base64url');
}

/**
 * The hash tag of a session's keys: what its id begins with, or, for other texts, of their hash.
 */
export function bucketOf(id: string): string {
  return isIssuable(id) ? id.slice(0, BUCKET_DIGITS) : bucketOfDigest(digest(id));
}

/** The hash tag of a user's keys. */
export function bucketOfUser(userId: string): string {
  return bucketOfDigest(digest(userId));
}

/** The bucket with that number, `0` to `BUCKET_COUNT - 1`. */
export function bucketAt(index: number): string {
  return index.toString(16).padStart(BUCKET_DIGITS, '0');
}

/** Could `create` have made this id? All others can only have come from `put`. */
export function isIssuable(id: string): boolean {
  return UUID.test(id);
}

/** `<id>.<user key>.<secret>`: only characters that a cookie may hold as they are. */
export function formatCookieValue(id: string, userKey: string, secret: string): string {
  return `${id}.${userKey}.${secret}`;
}

/** The inverse; `undefined` for everything this server cannot have issued. */
export function parseCookieValue(value: string): SessionCredential | undefined {
  const [, id, userKey, secret] = COOKIE_VALUE.exec(value) ?? [];
  if (id === undefined || userKey === undefined || secret === undefined) return undefined;
  if (!isIssuable(id) || bucketOf(id) !== bucketOfUserKey(userKey)) return undefined;
  return { id, userKey, secretHash: hashSecret(secret) };
}

/** @throws InvalidOptionError unless it is well-formed text of 1 to 1024 bytes */
export function checkId(id: string, option: string): string {
  checkKeyText(id, option);
  // Two ids with different halves of a surrogate pair would be stored as the same text.
  if (LONE_SURROGATE.test(id)) throw new InvalidOptionError(option, 'must be well-formed text');
  return id;
}

/** @throws InvalidOptionError when the id was not made for that user by `createSessionId` */
export function checkIssued(id: string, userId: string): void {
  checkId(userId, 'userId');
  if (isIssuable(id) && bucketOf(id) === bucketOfUser(userId)) return;
  throw new InvalidOptionError('id', 'must come from createSessionId for this user');
}

function bucketOfUserKey(userKey: string): string {
  return bucketOfDigest(Buffer.from(userKey, 'base64url'));
}

function bucketOfDigest(bytes: Buffer): string {
  return bytes.toString('hex', 0, 2).slice(0, BUCKET_DIGITS);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
