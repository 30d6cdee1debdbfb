import { type DynamicModule, Global, Module } from '@nestjs/common';
import { BackplaneModule } from '../backplane.module.js';
import type { BackplaneOptions } from '../backplane.options.js';
import { CoreModule } from '../common/core.module.js';
import { CLOCK_OVERRIDE } from '../common/time/index.js';
import { FakeClock } from './fake-clock.js';
import { RecordedEvents } from './recorded-events.js';

/** As those of `BackplaneModule`; all modules are set up, without Redis whatever is configured. */
export interface TestingBackplaneOptions extends Omit<BackplaneOptions, 'redis'> {
  /** @default a clock that stands still at the start of 2026 */
  readonly clock?: FakeClock;
}

/** The database of the queues is the embedded one, in memory; it starts with the first job. */
const EVERY_MODULE: BackplaneOptions = {
  cache: {},
  throttle: {},
  lock: {},
  session: {},
  pubsub: {},
  queue: { dataDir: 'memory://' },
  health: {},
};

/**
 * `BackplaneModule` for the tests of an application: every module in this process, going by a
 * `FakeClock` that the test moves, with a record of every event. Nothing outlives the application.
 *
 * @example
 * const module = await Test.createTestingModule({
 *   imports: [TestingBackplaneModule.forRoot()],
 *   controllers: [PricesController],
 * }).compile();
 * module.get(FakeClock).advance(60_000);
 * expect(module.get(RecordedEvents).of('cache.hit')).toHaveLength(1);
 */
@Global()
@Module({})
export class TestingBackplaneModule {
  static forRoot(options: TestingBackplaneOptions = {}): DynamicModule {
    const { clock = new FakeClock(), ...modules } = options;
    return {
      module: TestingBackplaneModule,
      imports: [CoreModule, BackplaneModule.forRoot({ ...EVERY_MODULE, ...modules })],
      providers: [
        { provide: FakeClock, useValue: clock },
        { provide: CLOCK_OVERRIDE, useValue: clock },
        RecordedEvents,
      ],
      exports: [FakeClock, CLOCK_OVERRIDE, RecordedEvents],
    };
  }
}
