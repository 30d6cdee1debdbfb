import { Controller, Get, Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { EventStream } from '../../src/common/events/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { CLOCK } from '../../src/common/time/index.js';
import { Cached, CacheResponse, CacheService } from '../../src/modules/cache/index.js';
import { ThrottleService } from '../../src/modules/throttle/index.js';
import { FakeClock, RecordedEvents, TestingBackplaneModule } from '../../src/testing/index.js';
import { listen } from '../support/app.js';

@Injectable()
class Prices {
  runs = 0;

  @Cached({ ttl: '1m' })
  async latest(): Promise<number> {
    this.runs += 1;
    return this.runs;
  }
}

@Controller()
class PricesController {
  @CacheResponse({ ttl: '1m' })
  @Get('prices')
  prices() {
    return { eur: 1 };
  }
}

describe('TestingBackplaneModule', () => {
  let module: TestingModule;

  beforeEach(async () => {
    module = await Test.createTestingModule({
      imports: [TestingBackplaneModule.forRoot()],
      providers: [Prices],
      controllers: [PricesController],
    }).compile();
  });

  afterEach(() => module.close());

  it('lets the test move the time of every module', async () => {
    const clock = module.get(FakeClock);
    const prices = module.get(Prices);
    expect(module.get(CLOCK, { strict: false })).toBe(clock);
    await prices.latest();
    clock.advance(59_999);
    expect(await prices.latest()).toBe(1);
    clock.advance(2);
    expect(await prices.latest()).toBe(2);

    const limit = { name: 'login', limit: 1, window: '1h' } as const;
    const allowed = async () => (await module.get(ThrottleService).consume('ada', limit)).allowed;
    expect([await allowed(), await allowed()]).toEqual([true, false]);
    clock.advance(3_600_000);
    expect(await allowed()).toBe(true);
  });

  it('records what happened, of one name or all', async () => {
    const events = module.get(RecordedEvents);
    const cache = module.get(CacheService);
    await cache.getOrSet('key', () => 'value');
    await cache.get('key');
    expect(events.of('cache.hit')).toEqual([{ key: 'key', from: 'process' }]);
    expect(events.all.map(({ name }) => name)).toEqual(['cache.miss', 'cache.stored', 'cache.hit']);
    events.clear();
    expect(events.all).toEqual([]);
  });

  it('stops recording with the application', async () => {
    const stream = module.get(EventStream, { strict: false });
    const events = module.get(RecordedEvents);
    await module.close();
    stream.emit('cache.hit', { key: 'late', from: 'process' });
    expect(events.all).toEqual([]);
  });

  it('serves a whole application in this process', async () => {
    await using server = await listen(module.createNestApplication());
    for (const state of ['MISS', 'HIT']) {
      const response = await fetch(`${server.url}/prices`);
      expect([response.headers.get('x-cache'), await response.json()]).toEqual([state, { eur: 1 }]);
    }
    const services = module.get(ServiceRegistry, { strict: false }).list();
    const backing = Object.fromEntries(services.map((one) => [one.service, one.backing()]));
    expect(backing).toEqual({
      cache: 'memory',
      rate_limiting: 'memory',
      lock: 'memory',
      session_storage: 'memory',
      pubsub: 'memory',
      queue: 'database',
    });
  });
});

it('takes a clock of the test and options of the modules', async () => {
  const clock = new FakeClock(0);
  const module = await Test.createTestingModule({
    imports: [TestingBackplaneModule.forRoot({ clock, cache: { ttl: '1s' } })],
  }).compile();
  const cache = module.get(CacheService);
  await cache.set('key', 1);
  clock.advance(1_001);
  expect(await cache.get('key')).toBeUndefined();
  await module.close();
});
