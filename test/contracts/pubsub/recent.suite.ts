import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { collector, type PubSubSubject, useNodes } from './pubsub-fixture.js';

/** What `recent` and `channels` show. */
export function recentSuite(subject: PubSubSubject): void {
  const open = useNodes(subject);

  it('what was delivered is what is recorded', async () => {
    const { pubsub } = await open();
    const { received, handler } = collector();
    await pubsub.subscribePattern('*', handler);
    await pubsub.publish('a', { list: [], text: '"}', tiny: 1e-7, large: 2 ** 60 });
    await pubsub.publish('b', null);
    await eventually(() => received.length === 2);
    for (const name of ['a', 'b']) {
      const delivered = received.filter(({ channel }) => channel === name);
      expect(delivered).toHaveLength(1);
      expect(await pubsub.recent({ channel: name })).toEqual(delivered);
    }
  });

  it('gives the latest of a channel, newest first, at most the limit', async () => {
    const { pubsub } = await open();
    for (const number of [1, 2, 3, 4]) await pubsub.publish('a', number);
    await pubsub.publish('b', 'other');
    const found = await pubsub.recent({ channel: 'a', limit: 3 });
    expect(found.map(({ payload }) => payload)).toEqual([4, 3, 2]);
  });

  it('gives the latest of all channels together', async () => {
    const { pubsub } = await open();
    const channels = Array.from({ length: 20 }, (_, index) => `channel ${index}`);
    for (const channel of channels) {
      await pubsub.publish(channel, channel);
      await delay(2); // Within one millisecond channels have no order among each other.
    }
    const found = await pubsub.recent({ limit: 15 });
    expect(found.map(({ channel }) => channel)).toEqual(channels.toReversed().slice(0, 15));
  });

  it('keeps no more than the history size', async () => {
    const { pubsub } = await open({ historySize: 3 });
    for (const number of [1, 2, 3, 4, 5]) await pubsub.publish('a', number);
    const payloads = async (channel?: string) =>
      (await pubsub.recent({ channel, limit: 3 })).map(({ payload }) => payload);
    expect(await payloads('a')).toEqual([5, 4, 3]);
    expect(await payloads()).toEqual([5, 4, 3]);
    expect(await pubsub.recent()).toHaveLength(3);
    await expect(pubsub.recent({ limit: 4 })).rejects.toMatchObject({ option: 'limit' });
  });

  it('forgets events after the history TTL, also in a channel that stays busy', async () => {
    const { pubsub } = await open({ historyTtl: 150 });
    await pubsub.publish('a', 'old');
    await pubsub.publish('quiet', 'old');
    // All of it again where the machine took so long that the new one was forgotten as well.
    await eventually(async () => {
      await pubsub.publish('a', 'new');
      const texts = (await pubsub.recent()).map(({ payload }) => payload);
      expect([...new Set(texts)]).toEqual(['new']);
      expect((await pubsub.channels()).map(({ channel }) => channel)).toEqual(['a']);
    });
    expect(await pubsub.recent({ channel: 'quiet' })).toEqual([]);
  });

  it('refuses a limit that is no whole number from 1 to the history size', async () => {
    const { pubsub } = await open();
    for (const limit of [0, -1, 1.5, Number.NaN, 1_001]) {
      await expect(pubsub.recent({ limit })).rejects.toMatchObject({
        code: 'E_INVALID_OPTION',
        option: 'limit',
      });
    }
  });

  it('an unknown channel has no events', async () => {
    const { pubsub } = await open();
    expect(await pubsub.recent({ channel: 'nobody' })).toEqual([]);
  });

  it('channels are those with events, latest first, and those with subscribers', async () => {
    const { pubsub } = await open();
    const { handler } = collector();
    await pubsub.subscribe('silent b', handler);
    await pubsub.subscribe('silent a', handler);
    await pubsub.subscribePattern('*', handler);
    const first = await pubsub.publish('one', 1);
    await delay(2);
    await pubsub.subscribe('two', handler);
    const second = await pubsub.publish('two', 2);
    expect(await pubsub.channels()).toEqual([
      { channel: 'two', lastPublishedAt: second.publishedAt, subscribers: 1 },
      { channel: 'one', lastPublishedAt: first.publishedAt, subscribers: 0 },
      { channel: 'silent a', lastPublishedAt: undefined, subscribers: 1 },
      { channel: 'silent b', lastPublishedAt: undefined, subscribers: 1 },
    ]);
  });

  it('a channel is asked for by its name, exactly', async () => {
    const { pubsub } = await open();
    const { handler } = collector();
    await pubsub.subscribe('silent', handler);
    await pubsub.subscribePattern('*', handler);
    const { publishedAt: lastPublishedAt } = await pubsub.publish('busy', 1);
    await pubsub.publish('busy 2', 1);
    const found = ['silent', 'busy', 'nobody', '*'].map((channel) => pubsub.channel(channel));
    expect(await Promise.all(found)).toEqual([
      { channel: 'silent', lastPublishedAt: undefined, subscribers: 1 },
      { channel: 'busy', lastPublishedAt, subscribers: 0 },
      undefined,
      undefined,
    ]);
    await expect(pubsub.channel('')).rejects.toMatchObject({ option: 'channel' });
  });

  if (!subject.isShared) return;

  it('a process that comes later sees what was sent before', async () => {
    const prefix = uniquePrefix();
    const here = await open({}, prefix);
    const { id } = await here.pubsub.publish('orders', 1);
    const later = await open({}, prefix);
    expect((await later.pubsub.recent()).map((event) => event.id)).toEqual([id]);
  });

  it('every key expires', async () => {
    const prefix = uniquePrefix();
    const { pubsub, connection } = await open({ historyTtl: '1h' }, prefix);
    await pubsub.publish('orders', 1);
    const client = connection?.client('command');
    for (const key of ['log', 'channels', 'events:orders']) {
      const names = Array.from({ length: 16 }, (_, at) => `${prefix}:pubsub:v1:{s${at}}:${key}`);
      const ttls = await Promise.all(names.map((name) => client?.pttl(name)));
      const live = ttls.filter((ttl) => ttl !== -2);
      expect(live).toHaveLength(1);
      expect(live[0]).toBeGreaterThan(3_500_000);
    }
  });
}
