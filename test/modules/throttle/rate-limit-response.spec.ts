import { Logger } from '@nestjs/common';
import type { HttpRequest, HttpResponse } from '../../../src/common/http/index.js';
import type { ThrottleDecision } from '../../../src/modules/throttle/index.js';
import { decisive } from '../../../src/modules/throttle/decisive.js';
import type { Checked } from '../../../src/modules/throttle/requests/checked.js';
import {
  type RateLimitHeaders,
  RateLimitHeaderWriter,
  type StandardHeaders,
} from '../../../src/modules/throttle/requests/rate-limit.headers.js';
import {
  type RateLimitBody,
  rateLimitExceeded,
} from '../../../src/modules/throttle/requests/rate-limit.response.js';
import { checks, policy } from '../../contracts/throttle/throttle-fixture.js';
import { eventually } from '../../support/eventually.js';

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
    at: 0,
    ...given,
  };
}

function denied(given: Partial<ThrottleDecision>, windowMs = 60_000): Checked {
  const decisions = [decision({ allowed: false, remaining: 0, retryAfterMs: 1_000, ...given })];
  const outcome = { allowed: false, decisions, backing: 'memory' } as const;
  return { outcome, checks: checks('192.0.2.7', [policy({ windowMs })]) };
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
    const error = rateLimitExceeded(exchange, denied({}, windowMs), undefined);
    expect(error.getResponse()).toMatchObject({ message: `Too many requests. Limit: ${words}` });
  });

  it('says how many at once where that is the limit', () => {
    const exchange = { request: REQUEST, response: RESPONSE };
    const { outcome } = denied({ limit: 5 });
    const asked = checks('192.0.2.7', [policy({ strategy: 'concurrency' })]);
    const error = rateLimitExceeded(exchange, { outcome, checks: asked }, undefined);
    expect(error.getResponse()).toMatchObject({
      message: 'Too many requests. Limit: 5 at once',
    });
  });

  it('never tells a client to come back too early', () => {
    const exchange = { request: REQUEST, response: RESPONSE };
    const error = rateLimitExceeded(exchange, denied({ retryAfterMs: 1_001 }), undefined);
    expect(error.getResponse()).toMatchObject({ retry_after: 2 });
  });
});

describe('the body of a 429 of several limits', () => {
  const several: Checked = {
    checks: checks('192.0.2.7', [policy({ windowMs: 1_000 }), policy({}), policy({})]),
    outcome: {
      allowed: false,
      backing: 'memory',
      decisions: [
        decision({ policy: 'second', allowed: false, retryAfterMs: 900 }),
        decision({ policy: 'fine' }),
        decision({ policy: 'minute', allowed: false, limit: 7, retryAfterMs: 30_000 }),
      ],
    },
  };

  it('names those that are used up to who asks for problem details', () => {
    const written: Record<string, string> = {};
    const request = { ...REQUEST, headers: { accept: 'application/problem+json' } };
    const response: HttpResponse = {
      header: (name, value) => void (written[name] = String(value)),
    };
    const error = rateLimitExceeded({ request, response }, several, undefined);
    expect(error.getResponse()).toMatchObject({
      'violated-policies': ['second', 'minute'],
      retry_after: 30,
    });
    expect(written).toEqual({ 'Content-Type': 'application/problem+json' });
  });

  it('is what the application makes of it', () => {
    const exchange = { request: REQUEST, response: RESPONSE };
    const error = rateLimitExceeded(exchange, several, {
      body: (denial, { url }) => ({ url, ...denial }),
    });
    expect(error.getStatus()).toBe(429);
    expect(error.getResponse()).toEqual({
      url: '/',
      message: 'Too many requests. Limit: 7/min',
      retryAfter: 30,
      violatedPolicies: ['second', 'minute'],
      outcome: several.outcome,
    });
  });

  describe('where what the application makes of it', () => {
    let logged: jest.SpyInstance;

    beforeEach(() => {
      logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    });

    afterEach(() => {
      logged.mockRestore();
    });

    const failure = new TypeError('no such template');
    const throwing = (): never => {
      throw failure;
    };

    it.each<[string, () => unknown, unknown]>([
      ['fails', throwing, failure],
      ['fails later', async () => throwing(), failure],
      ['comes later', async () => ({ sorry: true }), expect.any(TypeError)],
      ['is nothing', () => undefined, expect.any(TypeError)],
      ['is a text', () => 'sorry', expect.any(TypeError)],
      ['is a list', () => ['sorry'], expect.any(TypeError)],
    ])('%s, is the usual one, and one error in the log', async (_how, body, cause) => {
      const exchange = { request: REQUEST, response: RESPONSE };
      const error = rateLimitExceeded(exchange, several, { body: body as RateLimitBody });
      expect(error.getStatus()).toBe(429);
      expect(error.getResponse()).toEqual({
        error: 'Rate limit exceeded',
        message: 'Too many requests. Limit: 7/min',
        retry_after: 30,
      });
      await eventually(() => expect(logged).toHaveBeenCalledTimes(1));
      expect(logged).toHaveBeenCalledWith(
        expect.objectContaining({ message: expect.stringContaining('throttle.body'), cause }),
      );
    });
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

describe('the headers of a checked request', () => {
  const LOGIN = policy({ name: 'login', limit: 5, windowMs: 60_000 });
  const DAILY = policy({ name: 'daily', limit: 50, windowMs: 86_400_000 });

  function headersOf(
    checked: Checked,
    which: RateLimitHeaders = 'standard',
    standardHeaders?: StandardHeaders,
  ) {
    const headers: Record<string, string> = {};
    const response: HttpResponse = {
      header: (name, value) => void (headers[name] = String(value)),
    };
    new RateLimitHeaderWriter({ headers: which, standardHeaders }).write(response, checked);
    return headers;
  }

  const admitted: Checked = {
    checks: checks('192.0.2.7', [LOGIN, DAILY]),
    outcome: {
      allowed: true,
      backing: 'redis',
      decisions: [
        decision({ policy: 'login', limit: 5, remaining: 4, resetMs: 59_001 }),
        decision({ policy: 'daily', limit: 50, remaining: 50 }),
      ],
    },
  };
  const denied: Checked = {
    checks: checks('192.0.2.7', [LOGIN]),
    outcome: {
      ...admitted.outcome,
      allowed: false,
      decisions: [
        decision({ policy: 'login', limit: 5, remaining: 0, resetMs: 500, retryAfterMs: 1_500 }),
      ],
    },
  };

  it('are those of the draft, with every limit', () => {
    expect(headersOf(admitted)).toEqual({
      'RateLimit-Policy': '"login";q=5;w=60, "daily";q=50;w=86400',
      RateLimit: '"login";r=4;t=60, "daily";r=50',
    });
  });

  it('tell a denied client of the longest wait, whatever they are', () => {
    expect(headersOf(denied)).toMatchObject({ RateLimit: '"login";r=0;t=2', 'Retry-After': '2' });
    expect(headersOf(denied, 'none')).toEqual({ 'Retry-After': '2' });
  });

  it('are chosen', () => {
    const legacy = {
      'X-RateLimit-Limit': '5',
      'X-RateLimit-Remaining': '4',
      'X-RateLimit-Reset': '60',
      'X-RateLimit-Backend': 'redis',
    };
    expect(headersOf(admitted, 'legacy')).toEqual(legacy);
    expect(headersOf(admitted, 'both')).toEqual({ ...legacy, ...headersOf(admitted) });
    expect(headersOf(admitted, 'none')).toEqual({});
    const nothing = { checks: [], outcome: { ...admitted.outcome, decisions: [] } };
    expect(headersOf(nothing, 'both')).toEqual({});
  });

  describe('of an earlier draft', () => {
    it('are those of the scarcest limit, and the policies of all', () => {
      const policies = '5;w=60, 50;w=86400';
      expect(headersOf(admitted, 'standard', 'draft-7')).toEqual({
        'RateLimit-Policy': policies,
        RateLimit: 'limit=5, remaining=4, reset=60',
      });
      expect(headersOf(admitted, 'standard', 'draft-6')).toEqual({
        'RateLimit-Policy': policies,
        'RateLimit-Limit': '5',
        'RateLimit-Remaining': '4',
        'RateLimit-Reset': '60',
      });
      expect(headersOf(admitted, 'standard', 'draft-8')).toEqual(headersOf(admitted));
    });

    it('stand beside the legacy ones, or are left out, as any', () => {
      const legacy = headersOf(admitted, 'legacy');
      const seventh = headersOf(admitted, 'standard', 'draft-7');
      expect(headersOf(admitted, 'both', 'draft-7')).toEqual({ ...legacy, ...seventh });
      const nothing = { checks: [], outcome: { ...admitted.outcome, decisions: [] } };
      expect(headersOf(nothing, 'both', 'draft-6')).toEqual({});
    });

    it('tell a denied client the same wait as Retry-After', () => {
      const told = { ...denied, checks: checks('192.0.2.7', [LOGIN, DAILY]) };
      const [exhausted] = denied.outcome.decisions;
      const fine = decision({ policy: 'daily', limit: 50, remaining: 3, resetMs: 9_000 });
      const decisions = exhausted ? [{ ...exhausted, remaining: 1 }, fine] : [];
      const costly = { ...told, outcome: { ...denied.outcome, decisions } };
      expect(headersOf(costly, 'standard', 'draft-7')).toMatchObject({
        RateLimit: 'limit=5, remaining=0, reset=2',
        'Retry-After': '2',
      });
      expect(headersOf(costly, 'standard', 'draft-6')).toMatchObject({
        'RateLimit-Limit': '5',
        'RateLimit-Remaining': '0',
        'RateLimit-Reset': '2',
        'Retry-After': '2',
      });
    });

    it('name no quota twice, and no window that is no whole number of seconds', () => {
      const policies = [
        LOGIN,
        { ...DAILY, windowMs: 3_600_000 },
        DAILY,
        { ...LOGIN, windowMs: 500 },
        { ...LOGIN, strategy: 'concurrency' as const },
      ];
      const limits = [5, 50, 50, 7, 9];
      const decisions = limits.map((limit) => decision({ limit, remaining: 3 }));
      const several = {
        checks: checks('alice', policies),
        outcome: { ...admitted.outcome, decisions },
      };
      const { 'RateLimit-Policy': told } = headersOf(several, 'standard', 'draft-7');
      expect(told).toBe('5;w=60, 50;w=86400');
      const brief = { ...denied, checks: checks('alice', [{ ...LOGIN, windowMs: 1_500 }]) };
      expect(headersOf(brief, 'standard', 'draft-6')).not.toHaveProperty('RateLimit-Policy');
      expect(headersOf(brief, 'standard', 'draft-6')).toHaveProperty('RateLimit-Limit');
    });
  });

  it.each([
    ['a "quoted" \\ name', '"a \\"quoted\\" \\\\ name"'],
    ['@GET /städte', '"@GET /st%C3%A4dte"'],
    ['line\nbreak', '"line%0Abreak"'],
    ['lone \ud800 surrogate', '"lone %EF%BF%BD surrogate"'],
  ])('hold any name as a structured string: %j', (name, written) => {
    const named = { ...LOGIN, name };
    const outcome = {
      ...denied.outcome,
      decisions: [decision({ policy: name, limit: 5, remaining: 1 })],
    };
    const headers = headersOf({ checks: checks('alice', [named]), outcome });
    expect(headers).toMatchObject({
      'RateLimit-Policy': `${written};q=5;w=60`,
      RateLimit: `${written};r=1`,
    });
  });

  it('tell whose counters are meant under a key that nobody can read', () => {
    const headersUnder = (partitionKeySecret: string, subjects: readonly string[]) => {
      const headers: Record<string, string> = {};
      const response: HttpResponse = {
        header: (name, value) => void (headers[name] = String(value)),
      };
      const named = subjects.map((subject) => ({ subject, policy: LOGIN }));
      const decisions = subjects.map(() => decision({ policy: 'login', limit: 5, remaining: 4 }));
      const outcome = { ...admitted.outcome, decisions };
      const writer = new RateLimitHeaderWriter({ headers: 'standard', partitionKeySecret });
      writer.write(response, { checks: named, outcome });
      return headers;
    };
    const headers = headersUnder('a-secret-of-the-server', ['192.0.2.7', 'user:alice']);
    const keys = headers['RateLimit']?.match(/;pk=:[A-Za-z0-9+/]{16}:/g) ?? [];
    expect(new Set(keys).size).toBe(2);
    expect(headers).toEqual({
      'RateLimit-Policy': `"login";q=5;w=60${keys[0]}, "login";q=5;w=60${keys[1]}`,
      RateLimit: `"login";r=4${keys[0]}, "login";r=4${keys[1]}`,
    });
    expect(headersUnder('a-secret-of-the-server', ['192.0.2.7'])['RateLimit']).toContain(keys[0]);
    expect(headersUnder('another-secret-of-it', ['192.0.2.7'])['RateLimit']).not.toContain(keys[0]);
  });

  it('leave out a window that is no whole number of seconds', () => {
    const short = { ...admitted, checks: checks('alice', [{ ...LOGIN, windowMs: 1_500 }, DAILY]) };
    expect(headersOf(short)).toMatchObject({
      'RateLimit-Policy': '"login";q=5, "daily";q=50;w=86400',
    });
  });
});
