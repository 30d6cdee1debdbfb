export { FakeClock } from './fake-clock.js';
export { RecordedEvents } from './recorded-events.js';
export {
  TestingBackplaneModule,
  type TestingBackplaneOptions,
} from './testing-backplane.module.js';
