import fc from 'fast-check';
import { RedisBudget } from '../../src/common/context/index.js';

describe('RedisBudget', () => {
  let budget: RedisBudget;

  beforeEach(() => {
    jest.useFakeTimers();
    budget = new RedisBudget(250);
  });

  afterEach(() => jest.useRealTimers());

  it('is not spent by time in which nothing is asked of Redis', () => {
    jest.advanceTimersByTime(10_000);
    expect(budget.remainingMs).toBe(250);
  });

  it('adds up calls made one after the other', () => {
    call(100);
    jest.advanceTimersByTime(1_000);
    call(50);
    expect(budget.remainingMs).toBe(100);
  });

  it('charges calls made in parallel once', () => {
    budget.start();
    jest.advanceTimersByTime(40);
    budget.start();
    jest.advanceTimersByTime(40);
    budget.stop();
    jest.advanceTimersByTime(20);
    budget.stop();
    expect(budget.remainingMs).toBe(150);
  });

  it('counts a call that is still under way', () => {
    budget.start();
    jest.advanceTimersByTime(100);
    expect(budget.remainingMs).toBe(150);
  });

  it('is never less than nothing', () => {
    call(400);
    expect(budget.remainingMs).toBe(0);
  });

  it('may be without end', () => {
    budget = new RedisBudget(Infinity);
    call(1_000_000);
    expect(budget.remainingMs).toBe(Infinity);
  });

  it('is spent by exactly the time in which at least one call is under way', () => {
    const calls = fc.array(
      fc.record({ from: fc.integer({ min: 0, max: 50 }), ms: fc.integer({ min: 1, max: 20 }) }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(calls, (all) => {
        budget = new RedisBudget(1_000);
        let busyMs = 0;
        for (let now = 0; now <= 80; now += 1) {
          for (const { from, ms } of all) {
            if (from === now) budget.start();
            if (from + ms === now) budget.stop();
          }
          if (all.some(({ from, ms }) => from <= now && now < from + ms)) busyMs += 1;
          jest.advanceTimersByTime(1);
        }
        expect(budget.remainingMs).toBeCloseTo(1_000 - busyMs);
      }),
    );
  });

  function call(ms: number): void {
    budget.start();
    jest.advanceTimersByTime(ms);
    budget.stop();
  }
});
