import { CacheMisconfiguredError } from '../cache.errors.js';

/** What the `key` of a route gave. @throws CacheMisconfiguredError where it is no text */
export function givenText(option: string, given: unknown): string {
  if (typeof given === 'string' && given !== '') return given;
  throw new CacheMisconfiguredError(option, `has to give a text, and gave ${kindOf(given)}`);
}

/** What the `vary` of a route gave. @throws CacheMisconfiguredError where it is no text or texts */
export function givenTexts(option: string, given: unknown): readonly string[] {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (texts.every((text) => typeof text === 'string')) return texts;
  const problem = `has to give a text or a list of texts, and gave ${kindOf(given)}`;
  throw new CacheMisconfiguredError(option, problem);
}

/** What `userId` gave; an empty id tells nobody. @throws CacheMisconfiguredError */
export function givenUser(given: unknown): string | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  if (typeof given === 'string') return given;
  const problem = `has to give a text, or undefined, and gave ${kindOf(given)}`;
  throw new CacheMisconfiguredError('cache.userId', problem);
}

/** Never the value: it may be a secret. */
function kindOf(value: unknown): string {
  if (value === '' || value === null) return value === null ? 'null' : 'an empty text';
  if (Array.isArray(value)) return 'a list with something else in it';
  return value instanceof Promise ? 'a promise (it cannot be async)' : typeof value;
}
