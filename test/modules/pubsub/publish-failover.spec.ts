import { EventStream } from '../../../src/common/events/index.js';
import { RedisUnavailableError } from '../../../src/common/redis/index.js';
import { Dispatcher } from '../../../src/modules/pubsub/dispatcher.js';
import { DegradedPubSubDriver } from '../../../src/modules/pubsub/drivers/degraded-pubsub.driver.js';
import { PublishJournal } from '../../../src/modules/pubsub/drivers/publish-journal.js';
import { MemoryPubSubDriver } from '../../../src/modules/pubsub/drivers/memory-pubsub.driver.js';
import { UnrecordedPubSubDriver } from '../../../src/modules/pubsub/drivers/unrecorded-pubsub.driver.js';
import { createDraft, decodeEvent, seal } from '../../../src/modules/pubsub/envelope.js';
import { OnceGuard } from '../../../src/modules/pubsub/once-guard.js';
import { resolvePubSubOptions } from '../../../src/modules/pubsub/pubsub.options.js';
import type {
  ChannelSummary,
  EventDraft,
  PublishOutcome,
  PubSubDriver,
  PubSubEvent,
} from '../../../src/modules/pubsub/index.js';
import { FakeClock } from '../../../src/testing/index.js';

function draftOf(payload: unknown, channel = 'c') {
  return createDraft({ channel, payload, origin: 'here' }, 1_000);
}

const NO_JOURNAL = { maxEvents: 0, maxBytes: 0, dropped: () => undefined };

/** Takes events in the order of the calls, and answers a little later, as one connection does. */
class FakePrimary implements PubSubDriver {
  readonly sent: unknown[] = [];
  mostAtOnce = 0;
  whileSending: () => void = () => undefined;
  /** From this payload on Redis is away. */
  failingFrom: number | undefined;
  /** The payload that it finds wrong. */
  refused: number | undefined;
  /** Of those under way at once, so many are answered. */
  mostAnswered = Infinity;
  unanswered = 0;
  #underWay = 0;

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const { id, channel } = draft;
    this.#underWay += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
    const isAnswered = this.#underWay <= this.mostAnswered;
    await new Promise(setImmediate);
    this.#underWay -= 1;
    if (!isAnswered) {
      this.unanswered += 1;
      throw new RedisUnavailableError('deadline');
    }
    const { payload } = eventOf(draft);
    if (payload === this.refused) {
      throw Object.assign(new Error('WRONGTYPE of a key'), { name: 'ReplyError' });
    }
    if (this.failingFrom !== undefined && Number(payload) >= this.failingFrom) {
      throw new RedisUnavailableError('connection');
    }
    this.sent.push(payload);
    this.whileSending();
    return { id, channel, publishedAt: 1, backing: 'redis', delivery: 'sent' };
  }

  async recent(): Promise<readonly PubSubEvent[]> {
    return [];
  }

  async channels(): Promise<readonly ChannelSummary[]> {
    return [];
  }
}

function eventOf(draft: ReturnType<typeof draftOf>) {
  const event = decodeEvent(seal(draft, 1));
  if (event === undefined) throw new Error('not an event');
  return event;
}

function setUp() {
  const once = new OnceGuard();
  const options = resolvePubSubOptions({});
  const dispatcher = new Dispatcher({ events: new EventStream(), once, ...options });
  const memory = new MemoryPubSubDriver({ clock: new FakeClock(), local: dispatcher, ...options });
  const received: unknown[] = [];
  dispatcher.add({ channel: 'c' }, (payload) => received.push(payload), 'exact');
  dispatcher.add({ pattern: '*' }, (payload) => received.push(payload), 'pattern');
  return { once, dispatcher, memory, received };
}

describe('an event that may come by two ways', () => {
  it('whose echo came for one topic before its publish failed is delivered to the other only', async () => {
    const { once, dispatcher, memory, received } = setUp();
    const journal = new PublishJournal(NO_JOURNAL);
    const degraded = new DegradedPubSubDriver({ local: memory, policy: 'local', journal, once });
    const draft = draftOf(1);
    once.watch(draft.id);
    dispatcher.deliverTo('c:c', eventOf(draft));
    expect(received).toEqual([1]);
    await degraded.publish(draft);
    expect(received).toEqual([1, 1]);
    dispatcher.deliverTo('c:c', eventOf(draft));
    dispatcher.deliverTo('p:*', eventOf(draft));
    expect(received).toEqual([1, 1]);
  });

  it('that is delivered here and sent later is not delivered again', async () => {
    const { once, dispatcher, memory, received } = setUp();
    const journal = new PublishJournal({ ...NO_JOURNAL, maxEvents: 10, maxBytes: 10_000 });
    const degraded = new DegradedPubSubDriver({ local: memory, policy: 'buffer', journal, once });
    const draft = draftOf(1);
    journal.record('publish', [draft]);
    expect(await degraded.publish(draft)).toMatchObject({ delivery: 'buffered' });
    // What the Redis driver does when it is sent at last.
    once.watch(draft.id);
    once.forget(draft.id);
    dispatcher.deliverTo('c:c', eventOf(draft));
    expect(received).toEqual([1, 1]);
  });

  it('and found no answer while Redis is well is delivered here, and recorded nowhere', async () => {
    const { once, memory, received } = setUp();
    const failure = new RedisUnavailableError('budget');
    const local = new UnrecordedPubSubDriver(memory, failure);
    const journal = new PublishJournal(NO_JOURNAL);
    const standIn = new DegradedPubSubDriver({ local, policy: 'local', journal, once });
    await expect(standIn.publish(draftOf(1))).resolves.toMatchObject({ delivery: 'local' });
    expect(received).toEqual([1, 1]);
    const query = { channel: undefined, limit: 10 };
    expect(await memory.recent(query)).toEqual([]);
    await expect(standIn.recent(query)).rejects.toBe(failure);
    await expect(standIn.channels()).rejects.toBe(failure);
  });

  it('of others is delivered as often as it comes', () => {
    const { dispatcher, received } = setUp();
    const event = eventOf(draftOf(1));
    dispatcher.deliverTo('c:c', event);
    dispatcher.deliverTo('c:c', event);
    expect(received).toEqual([1, 1]);
  });
});

describe('the guard', () => {
  it('forgets the oldest of too many, and no other', () => {
    const once = new OnceGuard();
    for (let id = 0; id <= 20_000; id += 1) once.watch(String(id));
    for (const id of ['0', '1']) once.claim(id, 'topic');
    expect([once.claim('0', 'topic'), once.claim('1', 'topic')]).toEqual([true, false]);
  });
});

describe('the journal of publishes', () => {
  const dropped = jest.fn();
  let primary: FakePrimary;
  let journal: PublishJournal;

  beforeEach(() => {
    dropped.mockClear();
    primary = new FakePrimary();
    journal = new PublishJournal({ maxEvents: 1_000, maxBytes: 100_000, dropped });
  });

  /** What the failover driver does with a publish while the gate is closed. */
  async function publish(draft: EventDraft): Promise<void> {
    if (journal.covers('publish', [draft])) journal.record('publish', [draft]);
    else await primary.publish(draft);
  }

  it('sends what waits in order, and many at a time', async () => {
    const payloads = Array.from({ length: 500 }, (_, at) => at);
    for (const payload of payloads) journal.record('publish', [draftOf(payload)]);
    await journal.replay(primary);
    expect(primary.sent).toEqual(payloads);
    expect(primary.mostAtOnce).toBeGreaterThan(50);
    expect(journal.isEmpty).toBe(true);
  });

  it('drains although its channel is published to all the time', async () => {
    for (const payload of [1, 2, 3]) journal.record('publish', [draftOf(payload)]);
    const direct: Promise<void>[] = [];
    let last = 3;
    primary.whileSending = () => {
      if (last < 1_000) direct.push(publish(draftOf((last += 1))));
    };
    await journal.replay(primary);
    primary.whileSending = () => undefined;
    expect(last).toBeLessThan(1_000);
    await Promise.all(direct);
    expect(primary.sent).toEqual(Array.from({ length: last }, (_, at) => at + 1));
  });

  it('covers a channel as long as an event of it waits to be sent, and no other', async () => {
    journal.record('publish', [draftOf(1)]);
    const covers = () =>
      ['c', 'd'].map((channel) => journal.covers('publish', [draftOf(2, channel)]));
    expect(covers()).toEqual([true, false]);
    const replayed = journal.replay(primary);
    // What was sent is not confirmed, so there is still something to make up for.
    expect([covers(), journal.isEmpty, primary.sent]).toEqual([[false, false], false, []]);
    await replayed;
  });

  it('covers no question: Redis knows more than this process does', () => {
    journal.record('publish', [draftOf(1)]);
    expect(journal.covers('recent', [{ channel: 'c', limit: 1 }])).toBe(false);
    expect(journal.covers('channels', [])).toBe(false);
  });

  it('puts what Redis did not take back in its place, before what came meanwhile', async () => {
    for (const payload of [1, 2, 3]) journal.record('publish', [draftOf(payload)]);
    primary.failingFrom = 2;
    const replayed = journal.replay(primary);
    await expect(replayed).rejects.toMatchObject({ code: 'E_REDIS_UNAVAILABLE' });
    await publish(draftOf(4));
    primary.failingFrom = undefined;
    await journal.replay(primary);
    expect(primary.sent).toEqual([1, 2, 3, 4]);
    expect([journal.isEmpty, dropped.mock.calls]).toEqual([true, []]);
  });

  it('drops an event that the server refuses for what it is, says so, and goes on', async () => {
    const drafts = [1, 2, 3].map((payload) => draftOf(payload));
    for (const draft of drafts) journal.record('publish', [draft]);
    primary.refused = 2;
    await journal.replay(primary);
    expect(primary.sent).toEqual([1, 3]);
    expect(journal.isEmpty).toBe(true);
    expect(dropped.mock.calls).toEqual([
      [drafts[1], expect.objectContaining({ name: 'ReplyError' })],
    ]);
  });

  it('comes to an end where Redis answers but few at once within the deadline', async () => {
    for (let payload = 0; payload < 300; payload += 1)
      journal.record('publish', [draftOf(payload)]);
    primary.mostAnswered = 20;
    let tries = 0;
    for (; !journal.isEmpty && tries < 30; tries += 1) {
      await journal.replay(primary).catch(() => undefined);
    }
    expect(journal.isEmpty).toBe(true);
    expect(primary.sent).toHaveLength(300);
    // As whole batches it would be over a thousand: others on the connection would feel it.
    expect(primary.unanswered).toBeLessThan(300);
  });

  it('takes no more than its size, and nothing but publishes', () => {
    const small = new PublishJournal({ maxEvents: 1, maxBytes: 100_000, dropped });
    const [kept, tooMuch] = [draftOf(1), draftOf(2)];
    small.record('recent', [{ limit: 1 }]);
    small.record('publish', [kept]);
    small.record('publish', [tooMuch]);
    expect([small.has(kept.id), small.has(tooMuch.id)]).toEqual([true, false]);
  });

  it('takes no more bytes than it may, counting those whose fate is open', async () => {
    const large = () => draftOf('x'.repeat(800));
    const small = new PublishJournal({ maxEvents: 10, maxBytes: 1_200, dropped });
    const [kept, tooMuch, later] = [large(), large(), large()];
    for (const draft of [kept, tooMuch]) small.record('publish', [draft]);
    expect([small.has(kept.id), small.has(tooMuch.id)]).toEqual([true, false]);
    const replayed = small.replay(primary);
    small.record('publish', [later]);
    expect([small.has(kept.id), small.has(later.id)]).toEqual([true, false]);
    await replayed;
    small.record('publish', [later]);
    expect([small.has(kept.id), small.has(later.id)]).toEqual([false, true]);
  });
});
