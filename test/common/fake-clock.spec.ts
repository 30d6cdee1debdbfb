import { SystemClock } from '../../src/common/time/index.js';
import { FakeClock } from '../../src/testing/index.js';

describe('FakeClock', () => {
  it('stands still until it is moved', () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
  });

  it('moves both times when time passes', () => {
    const clock = new FakeClock(1_000);
    clock.advance(250);
    clock.advance(0.5);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250.5, 250.5]);
  });

  it('moves only the wall clock when it is set, backwards too', () => {
    const clock = new FakeClock(1_000);
    clock.advance(100);
    clock.set(10);
    expect([clock.now(), clock.monotonic()]).toEqual([10, 100]);
    clock.advance(5);
    expect([clock.now(), clock.monotonic()]).toEqual([15, 105]);
  });

  it('starts at the same moment every time', () => {
    expect(new FakeClock().now()).toBe(new FakeClock().now());
  });
});

describe('SystemClock', () => {
  it('tells the time of the machine, and a monotonic one that does not go back', () => {
    const clock = new SystemClock();
    const before = Date.now();
    expect(clock.now()).toBeGreaterThanOrEqual(before);
    const first = clock.monotonic();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(first);
  });
});
