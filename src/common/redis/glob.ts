import { encodeTag } from './key-encoding.js';

type Token = { readonly kind: 'any' } | { readonly kind: 'one' } | { readonly literal: string };

/**
 * Compiles a glob to a predicate: `*` any text, `?` one character, `\` takes the next character
 * literally. The same rules in every driver; there are no character classes.
 *
 * Matching takes at most (length of text × length of pattern) steps, whatever the pattern: after a
 * mismatch only the last `*` is tried again.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const wanted = tokens(pattern);
  return (text) => matches(wanted, [...text]);
}

/**
 * A MATCH pattern that finds at least every encoded key the glob means. `?` becomes `*`, because
 * one character may be several bytes when encoded; `compileGlob` sorts out what is too much.
 */
export function encodedMatch(pattern: string): string {
  return tokens(pattern)
    .map((token) => ('literal' in token ? encodeTag(token.literal) : '*'))
    .join('')
    .replace(/\*+/g, '*');
}

function matches(wanted: readonly Token[], text: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let star: { readonly token: number; at: number } | undefined;
  while (at < text.length) {
    const current = wanted[token];
    if (current !== undefined && 'kind' in current && current.kind === 'any') {
      star = { token, at };
      token += 1;
    } else if (current !== undefined && accepts(current, text[at])) {
      at += 1;
      token += 1;
    } else if (star !== undefined) {
      star.at += 1;
      at = star.at;
      token = star.token + 1;
    } else {
      return false;
    }
  }
  return wanted.slice(token).every((rest) => 'kind' in rest && rest.kind === 'any');
}

function accepts(token: Token, character: string | undefined): boolean {
  return 'literal' in token ? token.literal === character : true;
}

function tokens(pattern: string): readonly Token[] {
  const pieces = pattern.match(/\\.|[^]/gsu) ?? [];
  return pieces.map((piece): Token => {
    if (piece === '*') return { kind: 'any' };
    if (piece === '?') return { kind: 'one' };
    return { literal: piece.length > 1 && piece.startsWith('\\') ? piece.slice(1) : piece };
  });
}
