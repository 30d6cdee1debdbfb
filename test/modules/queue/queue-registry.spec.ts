import type { QueueService } from '../../../src/modules/queue/index.js';

declare module '../../../src/modules/queue/index.js' {
  interface QueueRegistry {
    typed: { welcome: { to: string }; ping: number };
  }
}

/** Compiled, never run: the type check is the test. */
export async function typedCalls(queues: QueueService): Promise<void> {
  await queues.enqueue('typed', 'welcome', { to: 'ada' });
  await queues.enqueue('typed', 'ping', 1);
  // @ts-expect-error: no such job
  await queues.enqueue('typed', 'goodbye', {});
  // @ts-expect-error: the payload of another job
  await queues.enqueue('typed', 'ping', { to: 'ada' });
  await queues.enqueue('untyped', 'anything', { at: 'all' });
}

describe('declared queues', () => {
  it('type the calls', () => {
    expect(typedCalls).toEqual(expect.any(Function));
  });
});
