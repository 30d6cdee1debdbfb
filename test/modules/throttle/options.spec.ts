import { InvalidOptionError } from '../../../src/common/errors/index.js';
import {
  RateLimit,
  type RateLimitOptions,
  type ThrottleOptions,
} from '../../../src/modules/throttle/index.js';
import { resolveRateLimit } from '../../../src/modules/throttle/rate-limit.options.js';
import { resolveThrottleOptions } from '../../../src/modules/throttle/throttle.options.js';

/** A wrong value as it comes from plain JavaScript or the environment. */
function refusalOf(options: unknown): InvalidOptionError {
  return refusal(() => resolveThrottleOptions(options as ThrottleOptions));
}

function refusal(attempt: () => unknown): InvalidOptionError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('the options were accepted');
}

const LIMIT = { limit: 5, window: '1m' };
const AT_ONCE = { ...LIMIT, strategy: 'concurrency' };
const ROUTE = { ...LIMIT, path: '/a' };

describe('resolveThrottleOptions', () => {
  it('applies every default', () => {
    expect(resolveThrottleOptions({})).toEqual({
      default: undefined,
      routes: [],
      outsideRouter: [],
      ipv6Prefix: 64,
      allow: [],
      deny: [],
      headers: 'both',
      onRedisDown: 'memory',
      deadlineMs: 50,
      maxCounters: 100_000,
      maxHits: 1_000_000,
      guard: undefined,
    });
  });

  it('takes durations to milliseconds, methods to upper case, and slides by default', () => {
    const resolved = resolveThrottleOptions({
      default: { limit: 100, window: '1m' },
      routes: [{ method: 'post', path: '/a', limit: 5, window: 1_500, strategy: 'fixed-window' }],
      deadline: '20ms',
    });
    expect(resolved.default).toMatchObject({ windowMs: 60_000, strategy: 'sliding-window' });
    expect(resolved.routes).toMatchObject([
      { method: 'POST', path: '/a', limit: { windowMs: 1_500, strategy: 'fixed-window' } },
    ]);
    expect(resolved.deadlineMs).toBe(20);
  });

  it.each([
    ['throttle.defaults', { defaults: LIMIT }],
    ['throttle.default.ttl', { default: { ...LIMIT, ttl: 60 } }],
    ['throttle.routes.0.url', { routes: [{ ...ROUTE, url: '/a' }] }],
  ])('names an option it does not know: %s', (option, options) => {
    expect(refusalOf(options)).toMatchObject({
      code: 'E_INVALID_OPTION',
      option,
      problem: expect.stringContaining('not a known option'),
    });
  });

  it.each([0, -1, Number.NaN, Infinity, 1.5, '5', null, undefined, 1_000_000_001])(
    'refuses a limit of %p',
    (limit) => {
      expect(refusalOf({ default: { limit, window: '1m' } })).toMatchObject({
        code: 'E_INVALID_OPTION',
        option: 'throttle.default.limit',
      });
    },
  );

  it.each([
    0,
    -1,
    Number.NaN,
    Infinity,
    0.5,
    '0s',
    '-5s',
    '1 fortnight',
    '',
    '60',
    null,
    undefined,
  ])('refuses a window of %p', (window) => {
    expect(refusalOf({ default: { limit: 5, window } })).toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'throttle.default.window',
    });
  });

  it.each([
    ['throttle.default.strategy', { default: { ...LIMIT, strategy: 'leaky-bucket' } }],
    ['throttle.default.name', { default: { ...LIMIT, name: '' } }],
    ['throttle.default.name', { default: { ...LIMIT, name: 'x'.repeat(201) } }],
    ['throttle.default.name', { default: { ...LIMIT, name: '@throttler short' } }],
    ['throttle.default.onRedisDown', { default: { ...LIMIT, onRedisDown: 'ignore' } }],
    ['throttle.routes.1.path', { routes: [ROUTE, { ...ROUTE, path: 'a' }] }],
    ['throttle.routes.1.limit', { routes: [ROUTE, { ...ROUTE, limit: 0 }] }],
    ['throttle.onRedisDown', { onRedisDown: 'ignore' }],
    ['throttle.instances', { instances: 0 }],
    ['throttle.deadline', { deadline: 'soon' }],
    ['throttle.maxCounters', { maxCounters: -1 }],
    ['throttle.maxHits', { maxHits: 99_999 }],
    ['throttle.blockList', { blockList: 'on' }],
    ['throttle.blockList.maxEntries', { blockList: { maxEntries: 0 } }],
    ['throttle.blockList.maxAge', { blockList: { maxAge: 'long' } }],
    ['throttle.guard', { guard: 'RateLimitGuard' }],
    ['throttle.default.limit', { default: { ...LIMIT, limit: 'plan' } }],
    ['throttle.default.cost', { default: { ...LIMIT, cost: 0 } }],
    ['throttle.default.by', { default: { ...LIMIT, by: 'tenant' } }],
    ['throttle.default.count', { default: { ...LIMIT, count: 'errors' } }],
    ['throttle.default.scope', { default: { ...LIMIT, scope: 'module' } }],
    ['throttle.default.shadow', { default: { ...LIMIT, shadow: 'yes' } }],
    ['throttle.default.penalty', { default: { ...LIMIT, penalty: -1 } }],
    ['throttle.default.block', { default: { ...LIMIT, block: 'soon' } }],
    ['throttle.default.block', { default: { ...LIMIT, block: { duration: '2m', longest: '1m' } } }],
    ['throttle.default.burst', { default: { ...AT_ONCE, burst: 5 } }],
    ['throttle.default.penalty', { default: { ...AT_ONCE, penalty: 1 } }],
    ['throttle.default.count', { default: { ...AT_ONCE, count: 'failures' } }],
    ['throttle.default.limit', { default: { ...AT_ONCE, limit: 100_001 } }],
    ['throttle.ipv6Prefix', { ipv6Prefix: 60 }],
    ['throttle.user', { user: 'alice' }],
    ['throttle.apiKey.header', { apiKey: { header: '', resolve: () => undefined } }],
    ['throttle.apiKey.resolve', { apiKey: { header: 'x-api-key' } }],
    ['throttle.partitionKeySecret', { partitionKeySecret: 'short' }],
    ['throttle.standardHeaders', { standardHeaders: 'draft-5' }],
    ['throttle.standardHeaders', { headers: 'legacy', standardHeaders: 'draft-7' }],
    ['throttle.standardHeaders', { headers: 'none', standardHeaders: 'draft-8' }],
    ['throttle.body', { body: {} }],
  ])('names what is wrong: %s', (option, options) => {
    expect(refusalOf(options)).toMatchObject({ code: 'E_INVALID_OPTION', option });
  });

  it.each(['/api/**/users', '/files/*.pdf', '/files/*path', '/a?b=1', '/a#b', '/a***'])(
    'refuses the pattern %s, which no request would match',
    (path) => {
      expect(refusalOf({ routes: [{ ...ROUTE, path }] })).toMatchObject({
        option: 'throttle.routes.0.path',
        problem: expect.stringContaining('* only as a segment'),
      });
    },
  );

  it.each([
    '10.0.0.0/33',
    '2001:db8::/129',
    '10.0.0',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    'localhost',
    '*',
    '',
  ])('refuses the address %p', (address) => {
    expect(refusalOf({ allow: ['10.0.0.1', address] })).toMatchObject({
      option: 'throttle.allow.1',
    });
    expect(refusalOf({ deny: [address] })).toMatchObject({ option: 'throttle.deny.0' });
  });

  it('takes a block list to its bounds, and has none unless it is told to', () => {
    const listOf = (blockList: NonNullable<ThrottleOptions['blockList']>) =>
      resolveThrottleOptions({ blockList }).blockList;
    expect(listOf(false)).toBeUndefined();
    expect(listOf(true)).toEqual({ maxEntries: 10_000, maxAgeMs: 5_000 });
    expect(listOf({ maxAge: '1m' })).toEqual({ maxEntries: 10_000, maxAgeMs: 60_000 });
    expect(listOf({ maxEntries: 5 })).toEqual({ maxEntries: 5, maxAgeMs: 5_000 });
  });

  it('takes blocks to what they last at first and at most', () => {
    const blockOf = (block: RateLimitOptions['block']) =>
      resolveRateLimit(
        { limit: 5, window: '1m', ...(block === undefined ? {} : { block }) },
        'limit',
      ).block;
    expect(blockOf(undefined)).toBeUndefined();
    expect(blockOf('manual')).toEqual({ durationMs: 0, longestMs: 0 });
    expect(blockOf('5m')).toEqual({ durationMs: 300_000, longestMs: 300_000 });
    expect(blockOf({ duration: '1m', longest: '1h' })).toEqual({
      durationMs: 60_000,
      longestMs: 3_600_000,
    });
  });

  it.each([
    ['the limit', 5, { ...LIMIT, cost: 6 }],
    ['the burst', 2, { ...LIMIT, strategy: 'token-bucket', burst: 2, cost: 3 }],
    ['the usual burst of gcra', 1, { ...LIMIT, strategy: 'gcra', cost: 2 }],
    ['the burst', 2, { limit: () => 9, window: '1m', strategy: 'gcra', burst: 2, cost: 3 }],
  ])('refuses a cost beyond %s, which no request could pay', (_what, most, limit) => {
    expect(refusalOf({ default: limit })).toMatchObject({
      option: 'throttle.default.cost',
      problem: expect.stringContaining(`at most ${most},`),
    });
  });

  it('takes a cost that the request may turn out to allow', () => {
    const limit = { limit: () => 9, window: '1m', cost: 9 } as const;
    expect(() => resolveThrottleOptions({ default: limit })).not.toThrow();
  });

  it('refuses buckets that share a counter but not the limit or the burst', () => {
    const bucket = { ...ROUTE, name: 'ai', strategy: 'token-bucket' };
    expect(refusalOf({ routes: [ROUTE, bucket, { ...bucket, limit: 6 }] })).toMatchObject({
      option: 'throttle.routes.2.limit',
    });
    expect(refusalOf({ routes: [bucket, { ...bucket, burst: 2 }] })).toMatchObject({
      option: 'throttle.routes.1.burst',
    });
  });

  it('refuses limits that share a counter but not the window', () => {
    const named = { ...ROUTE, name: 'ai' };
    const wrong = { option: 'throttle.routes.1.window', problem: expect.stringContaining('"ai"') };
    expect(refusalOf({ routes: [named, { ...named, window: '1h' }] })).toMatchObject(wrong);
    expect(
      refusalOf({ default: LIMIT, routes: [{ ...ROUTE, name: 'default', window: '1h' }] }),
    ).toMatchObject({ option: 'throttle.routes.0.window' });
  });

  it('refuses limits that share a counter but not the answers that count', () => {
    const named = { path: '/a', limit: 5, window: '1m', name: 'ai' } as const;
    expect(refusalOf({ routes: [named, { ...named, count: 'failures' }] })).toMatchObject({
      option: 'throttle.routes.1.count',
      problem: expect.stringContaining('"ai"'),
    });
    const failures = { ...named, count: 'failures' } as const;
    const elsewhere = { ...named, strategy: 'fixed-window' } as const;
    expect(() => resolveThrottleOptions({ routes: [failures, failures, elsewhere] })).not.toThrow();
  });

  it('accepts a shared name for one window, and for one window of each strategy', () => {
    const named = { path: '/a', limit: 5, window: '1m', name: 'ai' } as const;
    const other = { ...named, window: '1h', strategy: 'fixed-window' } as const;
    expect(() =>
      resolveThrottleOptions({ routes: [named, { ...named, window: 60_000, limit: 9 }, other] }),
    ).not.toThrow();
  });

  it('refuses a sliding window that would hold more than 100000 times, and says what to use', () => {
    const large = { limit: 100_001, window: '1h' } as const;
    expect(refusalOf({ default: large })).toMatchObject({
      option: 'throttle.default.limit',
      problem: expect.stringContaining('fixed-window'),
    });
    expect(refusalOf({ routes: [{ ...large, path: '/a' }] })).toMatchObject({
      option: 'throttle.routes.0.limit',
    });
    expect(() =>
      resolveThrottleOptions({ default: { ...large, strategy: 'fixed-window' } }),
    ).not.toThrow();
    expect(() => resolveThrottleOptions({ default: { ...large, limit: 100_000 } })).not.toThrow();
  });
});

describe('one limit', () => {
  it('is named by its root in errors', () => {
    const wrong = { limit: -1, window: '1m' } as const;
    expect(refusal(() => resolveRateLimit(wrong, 'rate limit login'))).toMatchObject({
      option: 'rate limit login.limit',
    });
  });

  it.each([
    ['window', '1h'],
    ['count', 'failures'],
    ['shadow', true],
  ])('is refused by @RateLimit beside one that has its name but not its %s', (option, value) => {
    const named = { limit: 5, window: '1m', name: 'login' } as const;
    expect(refusal(() => RateLimit(named, { ...named, [option]: value }))).toMatchObject({
      code: 'E_INVALID_OPTION',
      option: `@RateLimit.${option}`,
    });
  });

  it('is refused by @RateLimit when the class is loaded', () => {
    expect(
      refusal(() => RateLimit({ limit: 5, window: '1s' }, { limit: 0, window: '1s' })),
    ).toMatchObject({
      code: 'E_INVALID_OPTION',
      option: '@RateLimit.limit',
    });
  });
});
