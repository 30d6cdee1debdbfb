import { z } from 'zod';
import { InvalidOptionError } from '../errors/index.js';
import { type Duration, parseDuration } from '../time/index.js';

/**
 * Validates options once and applies their defaults; only the result travels on.
 *
 * @param root name the options go by in error messages, such as `throttle`
 * @throws InvalidOptionError naming the first option that is unknown or wrong
 */
export function parseOptions<T>(schema: z.ZodType<T>, input: unknown, root: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw new InvalidOptionError(root, 'is not valid');
  if (issue.code === 'unrecognized_keys') {
    const path = [root, ...issue.path, issue.keys[0] ?? ''].join('.');
    throw new InvalidOptionError(path, 'is not a known option; check its spelling');
  }
  throw new InvalidOptionError([root, ...issue.path].join('.'), problemOf(issue));
}

/** A duration; parsed to whole milliseconds. */
export function duration() {
  return z.custom<Duration>().transform((value, context): number => {
    try {
      return parseDuration(value, 'duration');
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) throw error;
      context.addIssue({ code: 'custom', message: error.problem });
      return z.NEVER;
    }
  });
}

/** A whole number of at least 1. */
export function positiveInteger() {
  return z.int('must be a whole number').min(1, 'must be at least 1');
}

/** A function; only its presence can be checked. */
export function callable<F extends (...args: never[]) => unknown>() {
  return z.custom<F>((value) => typeof value === 'function', 'must be a function');
}

/** A client the application made: an emitter of events; what it can do beyond that shows in use. */
export function emitter<T extends object>() {
  return z.custom<T>(
    (value) =>
      typeof value === 'object' && value !== null && typeof Reflect.get(value, 'on') === 'function',
    'must be a client',
  );
}

function problemOf(issue: z.core.$ZodIssue): string {
  return issue.message.replace(/^Invalid (input|option): /, '').replace(/\.$/, '');
}
