import { eventually } from '../../support/eventually.js';
import { collector, logOf, type PubSubSubject, useNodes } from './pubsub-fixture.js';

/** One handler never disturbs another, nor the publisher. */
export function isolationSuite(subject: PubSubSubject): void {
  const open = useNodes(subject);

  it('handlers that throw, reject or hang are reported, and the others get the event', async () => {
    const { pubsub, events } = await open({ handlerTimeout: 20 });
    const failed = logOf(events, 'pubsub.handler_failed');
    const { received, handler } = collector();
    const error = new Error('at once');
    await pubsub.subscribe('c', function throwing() {
      throw error;
    });
    await pubsub.subscribe('c', async function rejecting() {
      throw new TypeError('later');
    });
    await pubsub.subscribe('c', function hanging() {
      return new Promise(() => undefined);
    });
    await pubsub.subscribe('c', handler);
    const { id: eventId } = await pubsub.publish('c', 1);
    await pubsub.publish('c', 2);
    await eventually(() => received.length === 2 && failed.length === 6);
    const byHandler = (name: string) => failed.filter(({ handler: found }) => found === name);
    expect(byHandler('throwing')[0]).toEqual({
      channel: 'c',
      eventId,
      handler: 'throwing',
      reason: 'error',
      error,
    });
    expect(byHandler('rejecting')[0]).toMatchObject({ error: { message: 'later' } });
    expect(byHandler('hanging')[0]).toMatchObject({ reason: 'timeout', error: undefined });
    expect(received.map(({ payload }) => payload)).toEqual([1, 2]);
  });

  it('a promise that rejects after its time is reported once', async () => {
    const { pubsub, events } = await open({ handlerTimeout: 5 });
    const failed = logOf(events, 'pubsub.handler_failed');
    let reject = (): void => undefined;
    await pubsub.subscribe(
      'c',
      () => new Promise((_resolve, refuse) => (reject = () => refuse(new Error('late')))),
    );
    await pubsub.publish('c', 1);
    await eventually(() => failed.length === 1);
    reject();
    await new Promise(setImmediate);
    expect(failed.map(({ reason }) => reason)).toEqual(['timeout']);
  });

  it('a handler may end others, and itself, while it runs', async () => {
    const { pubsub } = await open();
    const { received, handler } = collector();
    const ends: (() => Promise<void>)[] = [];
    let calls = 0;
    await pubsub
      .subscribe('c', () => {
        calls += 1;
        return Promise.all(ends.map((end) => end()));
      })
      .then((end) => ends.push(end));
    ends.push(await pubsub.subscribe('c', handler));
    await pubsub.publish('c', 1);
    await eventually(() => calls === 1);
    await pubsub.publish('c', 2);
    const last = collector();
    await pubsub.subscribe('c', last.handler);
    await pubsub.publish('c', 3);
    // In a cluster the one before may still be on its way between the nodes.
    await eventually(() => last.received.some(({ payload }) => payload === 3));
    expect([calls, received.length]).toEqual([1, 0]);
  });

  it('a handler may publish', async () => {
    const { pubsub } = await open();
    const { received, handler } = collector();
    await pubsub.subscribe('ask', (payload) => pubsub.publish('answer', payload));
    await pubsub.subscribe('answer', handler);
    await pubsub.publish('ask', 42);
    await eventually(() => received.length === 1);
    expect(received[0]?.payload).toBe(42);
  });

  it('after the shutdown no handler is called, and none is taken', async () => {
    const { pubsub } = await open();
    const { received, handler } = collector();
    const end = await pubsub.subscribe('c', handler);
    pubsub.onModuleDestroy();
    await pubsub.publish('c', 1);
    await expect(pubsub.subscribe('c', handler)).rejects.toMatchObject({ code: 'E_PUBSUB_CLOSED' });
    await end();
    expect(received).toEqual([]);
  });

  it('says what was published and received', async () => {
    const { pubsub, events } = await open();
    const [published, received] = [
      logOf(events, 'pubsub.published'),
      logOf(events, 'pubsub.received'),
    ];
    await pubsub.subscribe('c', () => undefined);
    await pubsub.subscribe('c', () => undefined);
    const { id: eventId, delivery } = await pubsub.publish('c', 1);
    await eventually(() => received.length === 1);
    expect(published).toEqual([{ channel: 'c', eventId, delivery }]);
    expect(received).toEqual([{ channel: 'c', eventId, handlers: 2 }]);
  });
}
