import fc from 'fast-check';
import { CircuitBreaker } from '../../src/common/redis/circuit-breaker.js';

describe('CircuitBreaker', () => {
  it('starts open: before the first connection there is nothing to ask', () => {
    expect(new CircuitBreaker(3).state).toBe('open');
  });

  it('opens at the threshold of consecutive failures and says so once', () => {
    const breaker = closed(3);
    expect([breaker.failed(), breaker.failed(), breaker.failed()]).toEqual([false, false, true]);
    expect(breaker.state).toBe('open');
    expect(breaker.failed()).toBe(false);
  });

  it('forgets failures at each success', () => {
    const breaker = closed(2);
    for (let round = 0; round < 5; round += 1) {
      expect(breaker.failed()).toBe(false);
      breaker.succeeded();
    }
    expect(breaker.state).toBe('closed');
  });

  it('forgets failures when it is closed again', () => {
    const breaker = closed(2);
    breaker.failed();
    breaker.open();
    breaker.close();
    expect(breaker.failed()).toBe(false);
    expect(breaker.failed()).toBe(true);
  });

  it('says whether it was closed when it is opened', () => {
    const breaker = closed(3);
    expect(breaker.open()).toBe(true);
    expect(breaker.open()).toBe(false);
    breaker.halfOpen();
    expect(breaker.open()).toBe(false);
  });

  it('does not close by a late success, only by being closed', () => {
    const breaker = closed(1);
    breaker.failed();
    breaker.succeeded();
    expect(breaker.state).toBe('open');
    breaker.halfOpen();
    expect(breaker.state).toBe('half-open');
    breaker.close();
    expect(breaker.state).toBe('closed');
  });

  it('is open exactly when as many failures as the threshold came in a row', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean()), (threshold, outcomes) => {
        const breaker = closed(threshold);
        for (const isSuccess of outcomes) {
          if (isSuccess) breaker.succeeded();
          else breaker.failed();
        }
        const runs = outcomes.map((isSuccess) => (isSuccess ? 's' : 'f')).join('');
        expect(breaker.state === 'open').toBe(runs.includes('f'.repeat(threshold)));
      }),
    );
  });
});

function closed(threshold: number): CircuitBreaker {
  const breaker = new CircuitBreaker(threshold);
  breaker.close();
  return breaker;
}
