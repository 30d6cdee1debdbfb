import { z } from 'zod';

/** Why a text was refused: a phrase that follows the variable's name and never quotes the text. */
export class Problem {
  constructor(readonly text: string) {}
}

/** A zod schema for a text that `parse` turns into a `T`, or refuses with a `Problem`. */
export function parsed<T>(parse: (text: string) => T | Problem) {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if (!(result instanceof Problem)) return result;
    context.addIssue(result.text);
    return z.NEVER;
  });
}

/** A text of digits only, from `min` to `max`. */
export function wholeNumber(min: number, max: number) {
  return parsed((text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    return new Problem(`must be a whole number from ${min} to ${max}`);
  });
}

/** One of the given words, in any case. */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  return parsed((text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    return word ?? new Problem(`must be one of ${words.join(', ')}`);
  });
}
