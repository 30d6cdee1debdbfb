import { Test } from '@nestjs/testing';
import { runInRequest, currentRequest, RedisBudget } from '../../../src/common/context/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { CLOCK } from '../../../src/common/time/index.js';
import {
  PubSubModule,
  type PubSubOptions,
  PubSubService,
} from '../../../src/modules/pubsub/index.js';
import { resolvePubSubOptions } from '../../../src/modules/pubsub/pubsub.options.js';
import { FakeClock } from '../../../src/testing/index.js';

describe('the options of pub/sub', () => {
  it('have defaults', () => {
    expect(resolvePubSubOptions({})).toEqual({
      onRedisDown: 'reject',
      bufferSize: 1_000,
      historySize: 1_000,
      historyTtlMs: 86_400_000,
      maxMemoryEvents: 10_000,
      maxMemoryBytes: 67_108_864,
      maxPayloadBytes: 262_144,
      handlerTimeoutMs: 30_000,
      heartbeatMs: 2_000,
      streamHeartbeatMs: 15_000,
      streamBuffer: 256,
      deadlineMs: 100,
    });
  });

  it.each([
    [{ onRedisDown: 'memory' }, 'pubsub.onRedisDown'],
    [{ bufferSize: 0 }, 'pubsub.bufferSize'],
    [{ bufferSize: 10_001 }, 'pubsub.bufferSize'],
    [{ historySize: 10_001 }, 'pubsub.historySize'],
    [{ maxMemoryBytes: 0 }, 'pubsub.maxMemoryBytes'],
    [{ historyTtl: 'soon' }, 'pubsub.historyTtl'],
    [{ heartbeat: 0 }, 'pubsub.heartbeat'],
    [{ hearbeat: 1 }, 'pubsub.hearbeat'],
  ])('%j is refused, naming %s', (options, option) => {
    expect(() => resolvePubSubOptions(options as object)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option }) as Error,
    );
  });
});

describe('the module without Redis', () => {
  async function open(options: PubSubOptions = {}) {
    const clock = new FakeClock();
    const builder = Test.createTestingModule({
      imports: [PubSubModule.forRoot(options)],
    });
    const module = await builder.overrideProvider(CLOCK).useValue(clock).compile();
    await module.init();
    return { module, clock, pubsub: module.get(PubSubService) };
  }

  it('is registered as memory, and serves', async () => {
    const { module } = await open();
    const [status] = module.get(ServiceRegistry).list();
    expect(status?.service).toBe('pubsub');
    expect([status?.backing(), status?.isServing()]).toEqual(['memory', true]);
    await module.close();
  });

  it('goes by the injected clock', async () => {
    const { module, clock, pubsub } = await open();
    const { publishedAt } = await pubsub.publish('c', 1);
    expect(publishedAt).toBe(clock.now());
    clock.advance(86_399_999);
    expect(await pubsub.recent()).toHaveLength(1);
    clock.advance(1);
    expect([await pubsub.recent(), await pubsub.channels()]).toEqual([[], []]);
    await module.close();
  });

  it('keeps no more than maxMemoryEvents', async () => {
    const { module, pubsub } = await open({ maxMemoryEvents: 3 });
    for (let number = 0; number < 10; number += 1) {
      await pubsub.publish('c', number);
      expect((await pubsub.recent()).length).toBe(Math.min(3, number + 1));
    }
    expect((await pubsub.recent()).map(({ payload }) => payload)).toEqual([9, 8, 7]);
    await module.close();
  });

  it('keeps no more than maxMemoryBytes, and lets the oldest go', async () => {
    const { module, pubsub } = await open({ maxMemoryBytes: 3_000 });
    const lengths = async () =>
      (await pubsub.recent()).map(({ payload }) => String(payload).length);
    for (const length of [500, 800, 600]) await pubsub.publish('c', 'x'.repeat(length));
    expect(await lengths()).toEqual([600, 800, 500]);
    await pubsub.publish('c', 'x'.repeat(900));
    expect(await lengths()).toEqual([900, 600, 800]);
    await pubsub.publish('c', 'é'.repeat(1_000));
    expect(await lengths()).toEqual([1_000]);
    await pubsub.publish('c', 'x'.repeat(3_000));
    expect(await lengths()).toEqual([]);
    await pubsub.publish('c', 'x');
    expect(await lengths()).toEqual([1]);
    await module.close();
  });

  it('calls handlers before publish resolves, and outside the request that published', async () => {
    const { module, pubsub } = await open();
    const seen: unknown[] = [];
    await pubsub.subscribe('c', () => seen.push(currentRequest()));
    const context = { requestId: 'r', redisBudget: new RedisBudget(1) };
    await runInRequest(context, () => pubsub.publish('c', 1));
    expect(seen).toEqual([undefined]);
    await module.close();
  });
});
