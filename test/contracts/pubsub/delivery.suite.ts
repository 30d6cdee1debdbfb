import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { collector, logOf, type PubSubSubject, useNodes } from './pubsub-fixture.js';

const NUMBERS = Array.from({ length: 50 }, (_, index) => index);

/** Who gets an event, once, and in which order. */
export function deliverySuite(subject: PubSubSubject): void {
  const open = useNodes(subject);

  it('an event reaches every handler of its channel, and of no other', async () => {
    const { pubsub } = await open();
    const [one, two, other] = [collector(), collector(), collector()];
    await pubsub.subscribe('orders', one.handler);
    await pubsub.subscribe('orders', two.handler);
    await pubsub.subscribe('order', other.handler);
    const outcome = await pubsub.publish('orders', { id: 7 });
    await eventually(() => one.received.length === 1 && two.received.length === 1);
    expect(one.received).toEqual([
      {
        id: outcome.id,
        channel: 'orders',
        payload: { id: 7 },
        publishedAt: outcome.publishedAt,
        origin: pubsub.origin,
      },
    ]);
    expect(two.received).toEqual(one.received);
    expect(other.received).toEqual([]);
  });

  it('the outcome says what took the event', async () => {
    const { pubsub } = await open();
    expect(await pubsub.publish('orders', 1)).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      channel: 'orders',
      publishedAt: expect.any(Number) as unknown,
      backing: subject.isShared ? 'redis' : 'memory',
      delivery: subject.isShared ? 'sent' : 'local',
    });
  });

  it('a pattern gets the events of all channels that match, each once', async () => {
    const { pubsub } = await open();
    const [any, one, exact] = [collector(), collector(), collector()];
    await pubsub.subscribePattern('orders.*', any.handler);
    await pubsub.subscribePattern('orders.?', one.handler);
    await pubsub.subscribe('orders.1', exact.handler);
    for (const channel of ['orders.1', 'orders.22', 'orders.é', 'orders', 'bills.1']) {
      await pubsub.publish(channel, channel);
    }
    await eventually(() => any.received.length === 3 && one.received.length === 2);
    // In a cluster the channels lie on different nodes, and have no order among each other.
    expect(any.payloads().map(String).toSorted()).toEqual(['orders.1', 'orders.22', 'orders.é']);
    expect(one.payloads().map(String).toSorted()).toEqual(['orders.1', 'orders.é']);
    await eventually(() => exact.received.length === 1);
  });

  it.each(['a:b', 'a b', '{a}', 'a*', '[a]', 'ä🐎', '%25', 'c:\\d', '\ud83d', 'a\nb'])(
    'a channel may be called %j, and a pattern of the same text with escapes means only it',
    async (channel) => {
      const { pubsub } = await open();
      const [exact, escaped] = [collector(), collector()];
      await pubsub.subscribe(channel, exact.handler);
      await pubsub.subscribePattern(channel.replace(/[\\*?]/g, String.raw`\$&`), escaped.handler);
      await pubsub.publish(`${channel}x`, 'other');
      await pubsub.publish(channel, 'this');
      await eventually(() => exact.received.length === 1 && escaped.received.length === 1);
      expect(exact.received[0]).toMatchObject({ channel, payload: 'this' });
      expect(escaped.payloads()).toEqual(['this']);
      expect((await pubsub.recent({ channel })).map(({ payload }) => payload)).toEqual(['this']);
    },
  );

  it('events of a channel come in the order in which they were published', async () => {
    const { pubsub } = await open();
    const [exact, pattern] = [collector(), collector()];
    await pubsub.subscribe('n', exact.handler);
    await pubsub.subscribePattern('*', pattern.handler);
    for (const number of NUMBERS) await pubsub.publish('n', number);
    await eventually(() => exact.received.length === 50 && pattern.received.length === 50);
    expect(exact.payloads()).toEqual(NUMBERS);
    expect(pattern.payloads()).toEqual(NUMBERS);
  });

  it('50 parallel publishers lose nothing and repeat nothing', async () => {
    const { pubsub } = await open();
    const { received, handler, payloads } = collector();
    await pubsub.subscribePattern('n.*', handler);
    await Promise.all(NUMBERS.map((number) => pubsub.publish(`n.${number % 5}`, number)));
    await eventually(() => received.length >= 50);
    await pubsub.publish('n.last', 'last');
    await eventually(() => payloads().includes('last'));
    expect(new Set(payloads()).size).toBe(51);
    expect(received).toHaveLength(51);
  });

  it('an ended subscription gets nothing more, and ending it again is harmless', async () => {
    const { pubsub } = await open();
    const [ended, kept, byBlock] = [collector(), collector(), collector()];
    const end = await pubsub.subscribe('orders', ended.handler);
    await pubsub.subscribe('orders', kept.handler);
    {
      await using _subscription = await pubsub.subscribePattern('o*', byBlock.handler);
    }
    await end();
    await end();
    await pubsub.publish('orders', 1);
    await eventually(() => kept.received.length === 1);
    expect([ended.received, byBlock.received]).toEqual([[], []]);
  });

  it('a topic can be subscribed to again after its last handler went', async () => {
    const { pubsub } = await open();
    const { received, handler } = collector();
    await (
      await pubsub.subscribe('orders', handler)
    )();
    const witness = collector();
    const endWitness = await pubsub.subscribePattern('ord*', witness.handler);
    await pubsub.publish('orders', 'missed');
    // Between the nodes of a cluster an event takes its time.
    await eventually(() => witness.received.length === 1);
    await endWitness();
    const [first, second] = await Promise.all([
      pubsub.subscribe('orders', handler),
      pubsub.subscribe('orders', handler),
    ]);
    await first();
    await pubsub.publish('orders', 'seen');
    await eventually(() => received.length === 1);
    await second();
    expect(received[0]?.payload).toBe('seen');
  });

  it('every handler gets an event of its own, which it may change', async () => {
    const { pubsub } = await open();
    const spoil = (payload: unknown): void => {
      (payload as { list: number[] }).list.push(99);
    };
    const { received, handler } = collector();
    await pubsub.subscribe('orders', spoil);
    await pubsub.subscribePattern('*', spoil);
    await pubsub.subscribe('orders', handler);
    await pubsub.subscribePattern('orders*', handler);
    await pubsub.publish('orders', { list: [1] });
    await eventually(() => received.length === 2);
    expect(received.map(({ payload }) => payload)).toEqual([{ list: [1] }, { list: [1] }]);
    expect((await pubsub.recent())[0]?.payload).toEqual({ list: [1] });
  });

  if (!subject.isShared) return;

  it('events reach other processes, with one Redis subscription for all handlers', async () => {
    const prefix = uniquePrefix();
    const [here, there] = [await open({}, prefix), await open({}, prefix)];
    const [one, two] = [collector(), collector()];
    await there.pubsub.subscribe('orders', one.handler);
    const end = await there.pubsub.subscribe('orders', two.handler);
    const [channel] = await here.pubsub.channels();
    expect(channel).toEqual({ channel: 'orders', lastPublishedAt: undefined, subscribers: 1 });
    await here.pubsub.publish('orders', 1);
    await eventually(() => one.received.length === 1 && two.received.length === 1);
    expect(one.received[0]?.origin).toBe(here.pubsub.origin);
    expect(two.received).toHaveLength(1);
    await end();
    expect(await here.pubsub.channels()).toMatchObject([{ channel: 'orders', subscribers: 1 }]);
  });

  it('prefixes keep applications apart', async () => {
    const [here, stranger] = [await open(), await open()];
    const strange = collector();
    await stranger.pubsub.subscribePattern('*', strange.handler);
    await here.pubsub.publish('orders', 1);
    await stranger.pubsub.publish('orders', 'own');
    await eventually(() => strange.received.length === 1);
    expect(strange.payloads()).toEqual(['own']);
    expect(await stranger.pubsub.recent()).toHaveLength(1);
  });

  it('what is no event of ours is counted, and handed to nobody', async () => {
    const prefix = uniquePrefix();
    const { pubsub, events, connection } = await open({}, prefix);
    const malformed = logOf(events, 'pubsub.malformed');
    const { received, handler } = collector();
    await pubsub.subscribe('orders', handler);
    await pubsub.subscribePattern('*', handler);
    const foreign = (wire: string, text: string) =>
      connection?.client('command').publish(`${prefix}:pubsub:v1:${wire}`, text);
    const good = `{"v":1,"id":"x","channel":"CH","origin":"o","payload":null,"publishedAt":1`;
    await foreign('{orders}', 'not JSON');
    await foreign('{orders}', '{"v":2}');
    await foreign('{orders}', `${good.replace('CH', 'elsewhere')}}`);
    await foreign('{%zz}', `${good}}`);
    await foreign('{}', `${good.replace('CH', '')}}`);
    await foreign('{orders}', `${good.replace('CH', 'orders')},"new":{"field":1}}`);
    // In a cluster the channels lie on different nodes, so the last one may arrive first.
    await eventually(() => received.length >= 2 && malformed.length >= 8);
    expect(received.map(({ id }) => id)).toEqual(['x', 'x']);
    expect(malformed.filter(({ channel }) => channel === 'orders')).toHaveLength(6);
    expect(malformed).toHaveLength(8);
  });
}
