import type { RedisConnection } from '../../../common/redis/index.js';
import { bucketAt, bucketOf, bucketOfUser, BUCKET_COUNT, userKeyOf } from '../session-id.js';
import {
  SESSION_GENERATION,
  SESSION_INDEX,
  SESSION_LIVE,
  SESSION_RECORD,
} from '../session.keys.js';
import type { SessionKeys } from './scripts/session-record.lua.js';

/** Stands for the user where there is none; shorter than any user key, so never one. */
const NOBODY = '-';

/** Names of the keys of a session, of a user, and of all buckets. */
export class RedisSessionKeys {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  record(id: string): string {
    return this.#key(SESSION_RECORD, bucketOf(id), 'session', id);
  }

  /** @param userKey `undefined` for a session of nobody */
  session(id: string, userKey: string | undefined): SessionKeys {
    return { session: this.record(id), ...this.#user(bucketOf(id), userKey ?? NOBODY) };
  }

  user(userId: string): Omit<SessionKeys, 'session'> {
    return this.#user(bucketOfUser(userId), userKeyOf(userId));
  }

  /** The live index of every bucket there can be. */
  live(): readonly string[] {
    return Array.from({ length: BUCKET_COUNT }, (_, index) => this.#live(bucketAt(index)));
  }

  #user(bucket: string, userKey: string): Omit<SessionKeys, 'session'> {
    return {
      generation: this.#key(SESSION_GENERATION, bucket, 'generation', userKey),
      index: this.#key(SESSION_INDEX, bucket, 'user', userKey),
      live: this.#live(bucket),
    };
  }

  #live(bucket: string): string {
    return this.#key(SESSION_LIVE, bucket, 'live');
  }

  #key(...[family, ...parts]: Parameters<RedisConnection['keys']['key']>): string {
    return this.#connection.keys.key(family, ...parts);
  }
}
