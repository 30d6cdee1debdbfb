import { EventStream } from '../../../src/common/events/index.js';
import { Dispatcher } from '../../../src/modules/pubsub/dispatcher.js';
import { DegradedPubSubDriver } from '../../../src/modules/pubsub/drivers/degraded-pubsub.driver.js';
import { PublishJournal } from '../../../src/modules/pubsub/drivers/publish-journal.js';
import { MemoryPubSubDriver } from '../../../src/modules/pubsub/drivers/memory-pubsub.driver.js';
import { createDraft, decodeEvent, seal } from '../../../src/modules/pubsub/envelope.js';
import { OnceGuard } from '../../../src/modules/pubsub/once-guard.js';
import { resolvePubSubOptions } from '../../../src/modules/pubsub/pubsub.options.js';
import type { PubSubDriver } from '../../../src/modules/pubsub/index.js';
import { FakeClock } from '../../../src/testing/index.js';

function draftOf(payload: unknown) {
  return createDraft({ channel: 'c', payload, origin: 'here' }, 1_000);
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
    const journal = new PublishJournal(0);
    const degraded = new DegradedPubSubDriver({ memory, policy: 'local', journal, once });
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
    const journal = new PublishJournal(10);
    const degraded = new DegradedPubSubDriver({ memory, policy: 'buffer', journal, once });
    const draft = draftOf(1);
    journal.record('publish', [draft]);
    expect(await degraded.publish(draft)).toMatchObject({ delivery: 'buffered' });
    // What the Redis driver does when it is sent at last.
    once.watch(draft.id);
    once.forget(draft.id);
    dispatcher.deliverTo('c:c', eventOf(draft));
    expect(received).toEqual([1, 1]);
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
  /** Takes events until it fails at one of them. */
  function primaryFailingAt(failing: unknown) {
    const sent: unknown[] = [];
    const driver: Pick<PubSubDriver, 'publish'> = {
      publish: async (draft) => {
        const { payload } = eventOf(draft);
        if (payload === failing) throw new Error('away again');
        sent.push(payload);
        return { ...draft, publishedAt: 1, backing: 'redis', delivery: 'sent' };
      },
    };
    return { sent, driver: driver as PubSubDriver };
  }

  it('keeps what fails and what follows it, in order', async () => {
    const journal = new PublishJournal(10);
    for (const payload of [1, 2, 3]) journal.record('publish', [draftOf(payload)]);
    const first = primaryFailingAt(2);
    await expect(journal.replay(first.driver)).rejects.toThrow('away again');
    journal.record('publish', [draftOf(4)]);
    const second = primaryFailingAt(undefined);
    await journal.replay(second.driver);
    expect([first.sent, second.sent]).toEqual([[1], [2, 3, 4]]);
    expect(journal.isEmpty).toBe(true);
  });

  it('takes no more than its size, and nothing but publishes', () => {
    const journal = new PublishJournal(1);
    const [kept, tooMuch] = [draftOf(1), draftOf(2)];
    journal.record('recent', [{ limit: 1 }]);
    journal.record('publish', [kept]);
    journal.record('publish', [tooMuch]);
    expect([journal.has(kept.id), journal.has(tooMuch.id)]).toEqual([true, false]);
  });
});
