import type { HttpRequest, HttpResponse } from '../../../src/common/http/index.js';
import type { ThrottleDecision } from '../../../src/modules/throttle/index.js';
import { decisive, rateLimitExceeded } from '../../../src/modules/throttle/rate-limit.response.js';
import { policy } from '../../contracts/throttle/throttle-fixture.js';

const REQUEST: HttpRequest = { method: 'GET', url: '/', headers: {} };
const RESPONSE: HttpResponse = {};

function decision(given: Partial<ThrottleDecision>): ThrottleDecision {
  return {
    policy: 'api',
    allowed: true,
    limit: 100,
    remaining: 10,
    resetMs: 0,
    retryAfterMs: 0,
    ...given,
  };
}

describe('the body of a 429', () => {
  it.each([
    [1_000, '100/s'],
    [60_000, '100/min'],
    [3_600_000, '100/hour'],
    [86_400_000, '100/day'],
    [300_000, '100/5 min'],
    [30_000, '100/30s'],
    [7_200_000, '100/2h'],
    [1_500, '100/1.5s'],
    [250, '100/250ms'],
  ])('says a window of %i ms as people do: %s', (windowMs, words) => {
    const exchange = { request: REQUEST, response: RESPONSE };
    const error = rateLimitExceeded(exchange, decision({}), policy({ windowMs }));
    expect(error.getResponse()).toMatchObject({ message: `Too many requests. Limit: ${words}` });
  });

  it('never tells a client to come back too early', () => {
    const exchange = { request: REQUEST, response: RESPONSE };
    const error = rateLimitExceeded(exchange, decision({ retryAfterMs: 1_001 }), policy());
    expect(error.getResponse()).toMatchObject({ retry_after: 2 });
  });
});

describe('the decision a client is told', () => {
  it('is the one with the longest wait when denied', () => {
    const outcome = {
      allowed: false,
      backing: 'memory' as const,
      decisions: [
        decision({ policy: 'scarce', remaining: 0, retryAfterMs: 1_000 }),
        decision({ policy: 'slow', remaining: 0, retryAfterMs: 9_000 }),
        decision({ policy: 'fine' }),
      ],
    };
    expect(decisive(outcome)).toMatchObject({ policy: 'slow' });
  });

  it('is the scarcest when allowed, and none where there is no policy', () => {
    const decisions = [decision({ remaining: 7 }), decision({ policy: 'scarce', remaining: 2 })];
    expect(decisive({ allowed: true, backing: 'memory', decisions })).toMatchObject({
      policy: 'scarce',
    });
    expect(decisive({ allowed: true, backing: 'memory', decisions: [] })).toBeUndefined();
  });
});
