import { PLATFORMS } from '../support/app.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { FaultyBackend } from './faulty-backend.js';

describe('the backend under load', () => {
  const redis = useStarted(startStandalone);
  let backend: FaultyBackend;

  afterEach(async () => {
    await backend.stop();
  });

  it.each(PLATFORMS)(
    'goes on answering on %s when Redis is killed and comes back',
    async (platform) => {
      backend = await FaultyBackend.start({ REDIS_URL: redis().url }, platform);
      await backend.answersOnRedis();
      await redis().process.kill();
      expect(redis().process.isRunning).toBe(false);
      await backend.answersDegraded();
      await backend.expectMemory();
      await redis().process.restart();
      await backend.recovers();
      backend.expectNoHarm();
    },
  );

  it('goes on answering when Redis freezes and thaws', async () => {
    backend = await FaultyBackend.start({ REDIS_URL: redis().url });
    await backend.answersOnRedis();
    redis().process.freeze();
    await backend.answersDegraded();
    await backend.expectMemory();
    redis().process.thaw();
    await backend.recovers();
    backend.expectNoHarm();
  });

  it('goes on answering when Redis restarts empty', async () => {
    backend = await FaultyBackend.start({ REDIS_URL: redis().url });
    await backend.answersOnRedis();
    const before = redis().process.pid;
    await redis().process.restart();
    expect(redis().process.pid).not.toBe(before);
    await backend.answersDegraded(30);
    await backend.recovers();
    backend.expectNoHarm();
  });
});

describe('the backend under load, with a network in between', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });
  let backend: FaultyBackend;

  beforeEach(async () => {
    backend = await FaultyBackend.start({ REDIS_URL: proxy().url });
  });

  afterEach(async () => {
    await backend.stop();
    await proxy().heal();
  });

  it.each([
    ['swallows every byte', (network: FaultProxy) => network.blackHole()],
    ['loses the replies', (network: FaultProxy) => network.halfOpen()],
    ['is slower than the deadline', (network: FaultProxy) => network.delay(400)],
  ])('goes on answering while the network %s', async (_fault, inject) => {
    await backend.answersOnRedis();
    await inject(proxy());
    await backend.answersDegraded();
    await backend.expectMemory();
    await proxy().heal();
    await backend.recovers();
    backend.expectNoHarm();
  });

  it('goes on answering when every connection is reset', async () => {
    await backend.answersOnRedis();
    proxy().reset();
    await backend.answersDegraded(30);
    await backend.recovers();
    backend.expectNoHarm();
  });
});
