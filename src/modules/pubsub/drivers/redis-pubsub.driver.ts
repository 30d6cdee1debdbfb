import {
  type CallBounds,
  checkKeyText,
  type RedisConnection,
  RedisUnavailableError,
  SURVEY,
} from '../../../common/redis/index.js';
import { decodeEvent, type EventDraft, type PubSubEvent } from '../envelope.js';
import type { OnceGuard } from '../once-guard.js';
import {
  type ChannelSummary,
  listChannels,
  MAX_LISTED_CHANNELS,
  type PublishOutcome,
  type PubSubDriver,
  type RecentQuery,
} from '../pubsub.driver.js';
import {
  PUBSUB_CHANNELS,
  PUBSUB_EVENTS,
  PUBSUB_LOG,
  SHARD_NAMES,
  shardOf,
} from '../pubsub.keys.js';
import { countSubscribers, subscribedNames } from './count-subscribers.js';
import { byPosition } from './stream-position.js';
import { CHANNELS } from './scripts/pubsub-channels.lua.js';
import { PUBLISH, type PublishKeys } from './scripts/pubsub-publish.lua.js';
import { RECENT, type RecordedEntry } from './scripts/pubsub-recent.lua.js';
import { WireNames } from './wire-names.js';

export interface RedisPubSubDriverOptions {
  /** Told of every publish of ours, whose echo may come before its answer, or without one. */
  readonly once: OnceGuard;
  readonly historySize: number;
  readonly historyTtlMs: number;
  /** Longest wait for one call. */
  readonly deadlineMs: number;
}

/** Drafts remembered whose publish has an unknown outcome; beyond it the oldest is forgotten. */
const MAX_UNKNOWN = 10_000;

/** Events in Redis: one script call records and sends. */
export class RedisPubSubDriver implements PubSubDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisPubSubDriverOptions;
  readonly #wire: WireNames;
  readonly #unknown = new Set<string>();

  constructor(connection: RedisConnection, options: RedisPubSubDriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#wire = new WireNames(connection.keys);
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const { id, channel } = draft;
    this.#options.once.watch(id);
    try {
      const publishedAt = await this.#send(draft);
      this.#unknown.delete(id);
      this.#options.once.forget(id);
      return { id, channel, publishedAt, backing: 'redis', delivery: 'sent' };
    } catch (error) {
      const isUnknown = error instanceof RedisUnavailableError && error.outcome === 'unknown';
      if (isUnknown) this.#rememberUnknown(id);
      else if (!this.#unknown.has(id)) this.#options.once.forget(id);
      throw error;
    }
  }

  async recent({ channel, limit }: RecentQuery): Promise<readonly PubSubEvent[]> {
    const wanted = Math.min(limit, this.#options.historySize);
    const entries =
      channel === undefined
        ? await this.#latestOfAll(wanted)
        : await this.#latest(this.#keysOf(channel).events, wanted);
    return entries.flatMap(({ text }) => decodeEvent(text) ?? []);
  }

  async channels(only?: string): Promise<readonly ChannelSummary[]> {
    const [recorded, subscribed] =
      only === undefined
        ? await Promise.all([this.#recordedChannels(), this.#subscribedChannels()])
        : [await this.#recordedChannel(only), [only]];
    const names = [...new Set([...recorded.keys(), ...subscribed])];
    const counts = await this.#countSubscribers(names);
    const found = names.map((channel, at) => ({
      channel,
      lastPublishedAt: recorded.get(channel),
      subscribers: counts[at] ?? 0,
    }));
    const isUsed = ({ channel, subscribers }: ChannelSummary): boolean =>
      recorded.has(channel) || subscribers > 0;
    return listChannels(found.filter(isUsed));
  }

  #send(draft: EventDraft): Promise<number> {
    const { id, channel, head } = draft;
    const { historySize, historyTtlMs, deadlineMs } = this.#options;
    const keys = this.#keysOf(channel);
    const wire = this.#wire.channel(channel);
    const isRetry = this.#unknown.has(id);
    const args = { wire, channel, id, head, historySize, historyTtlMs, isRetry };
    return this.#connection.script(PUBLISH, { keys, args, deadlineMs });
  }

  #rememberUnknown(id: string): void {
    this.#unknown.add(id);
    const [oldest] = this.#unknown;
    if (this.#unknown.size > MAX_UNKNOWN && oldest !== undefined) this.#unknown.delete(oldest);
  }

  async #latestOfAll(limit: number): Promise<readonly RecordedEntry[]> {
    const logs = await Promise.all(
      SHARD_NAMES.map((shard) => this.#latest(this.#keysOfShard(shard).log, limit, SURVEY)),
    );
    return logs.flat().toSorted(byPosition).slice(0, limit);
  }

  #latest(
    stream: string,
    limit: number,
    bounds: CallBounds = { deadlineMs: this.#options.deadlineMs },
  ): Promise<readonly RecordedEntry[]> {
    const args = { limit, historyTtlMs: this.#options.historyTtlMs };
    return this.#connection.script(RECENT, { keys: stream, args, ...bounds });
  }

  async #recordedChannels(): Promise<ReadonlyMap<string, number>> {
    const args = { limit: MAX_LISTED_CHANNELS, historyTtlMs: this.#options.historyTtlMs };
    const shards = await Promise.all(
      SHARD_NAMES.map((shard) => {
        const keys = this.#keysOfShard(shard).channels;
        return this.#connection.script(CHANNELS, { keys, args, ...SURVEY });
      }),
    );
    const latestFirst = shards.flat().toSorted(([, a], [, b]) => b - a);
    return new Map(latestFirst.slice(0, MAX_LISTED_CHANNELS));
  }

  async #recordedChannel(channel: string): Promise<ReadonlyMap<string, number>> {
    const [latest] = await this.#latest(this.#keysOf(channel).events, 1);
    const event = decodeEvent(latest?.text ?? '');
    return new Map(event === undefined ? [] : [[channel, event.publishedAt]]);
  }

  /** Those that may be listed: how many they are is not up to us. */
  async #subscribedChannels(): Promise<readonly string[]> {
    const match = this.#wire.pattern('*');
    const wires = await this.#connection.command(
      (client) => subscribedNames(client, match),
      SURVEY,
    );
    const channels = wires.flatMap((wire) => this.#wire.decode(wire) ?? []);
    return channels.toSorted().slice(0, MAX_LISTED_CHANNELS);
  }

  /** In the order of the channels. */
  async #countSubscribers(channels: readonly string[]): Promise<readonly (number | undefined)[]> {
    const wires = channels.map((channel) => this.#wire.channel(channel));
    const counts = await this.#connection.command(
      (client) => countSubscribers(client, wires),
      SURVEY,
    );
    return wires.map((wire) => counts.get(wire));
  }

  #keysOf(channel: string): PublishKeys {
    const shard = shardOf(checkKeyText(channel, 'channel'));
    const events = this.#connection.keys.key(PUBSUB_EVENTS, shard, 'events', channel);
    return { events, ...this.#keysOfShard(shard) };
  }

  #keysOfShard(shard: string) {
    const { keys } = this.#connection;
    return {
      log: keys.key(PUBSUB_LOG, shard, 'log'),
      channels: keys.key(PUBSUB_CHANNELS, shard, 'channels'),
    };
  }
}
