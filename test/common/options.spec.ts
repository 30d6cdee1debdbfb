import { EventEmitter } from 'node:events';
import { z } from 'zod';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import {
  callable,
  duration,
  emitter,
  parseOptions,
  positiveInteger,
} from '../../src/common/options/index.js';

const schema = z.strictObject({
  ttl: duration().prefault('5m'),
  limits: z.strictObject({ entries: positiveInteger() }).prefault({ entries: 10 }),
  routes: z.array(z.strictObject({ path: z.string() })).default([]),
  mode: z.enum(['fast', 'slow']).default('fast'),
  onHit: callable<() => void>().optional(),
  client: emitter<object>().optional(),
});

describe('parseOptions', () => {
  it('applies the defaults', () => {
    expect(parseOptions(schema, {}, 'cache')).toEqual({
      ttl: 300_000,
      limits: { entries: 10 },
      routes: [],
      mode: 'fast',
    });
  });

  it('hands functions and objects of the caller on as they are', () => {
    const onHit = (): void => undefined;
    const client = new EventEmitter();
    const options = parseOptions(schema, { onHit, client }, 'cache');
    expect(options.onHit).toBe(onHit);
    expect(options.client).toBe(client);
  });

  it.each<[unknown, string, string]>([
    [{ tll: '5m' }, 'cache.tll', 'not a known option'],
    [{ limits: { entries: 1, bytes: 2 } }, 'cache.limits.bytes', 'not a known option'],
    [{ ttl: 'soon' }, 'cache.ttl', 'is not a duration'],
    [{ ttl: 0 }, 'cache.ttl', 'between 1 ms and 3650 days'],
    [{ ttl: null }, 'cache.ttl', 'is not a duration'],
    [{ limits: { entries: 0 } }, 'cache.limits.entries', 'must be at least 1'],
    [{ limits: { entries: 1.5 } }, 'cache.limits.entries', 'must be a whole number'],
    [{ limits: { entries: '1' } }, 'cache.limits.entries', 'must be a whole number'],
    [{ limits: { entries: Number.NaN } }, 'cache.limits.entries', 'must be a whole number'],
    [{ limits: {} }, 'cache.limits.entries', 'must be a whole number'],
    [{ routes: [{ path: '/a' }, { path: 3 }] }, 'cache.routes.1.path', 'expected string'],
    [{ mode: 'medium' }, 'cache.mode', 'expected one of "fast"|"slow"'],
    [{ onHit: 'log' }, 'cache.onHit', 'must be a function'],
    [{ client: 'redis' }, 'cache.client', 'must be a client'],
    [{ client: null }, 'cache.client', 'must be a client'],
    ['fast', 'cache', 'expected object'],
    [undefined, 'cache', 'expected object'],
  ])('refuses %j naming %s: %s', (input, option, problem) => {
    expect(refusalOf(input)).toMatchObject({
      code: 'E_INVALID_OPTION',
      option,
      problem: expect.stringContaining(problem),
    });
  });

  it('writes one sentence', () => {
    const { message } = refusalOf({ limits: { entries: 0 } });
    expect(message).toBe('Invalid option "cache.limits.entries": must be at least 1.');
  });

  it('does not show values that may be secrets', () => {
    const tokens = z.strictObject({ token: z.string().min(20), password: z.number() });
    const failure = (): unknown =>
      parseOptions(tokens, { token: 'hunter2', password: 'hunter2' }, 'admin');
    expect(failure).toThrow(InvalidOptionError);
    expect(failure).not.toThrow(/hunter2/);
  });
});

function refusalOf(input: unknown): InvalidOptionError {
  try {
    parseOptions(schema, input, 'cache');
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return error as InvalidOptionError;
  }
  throw new Error('it was accepted');
}
