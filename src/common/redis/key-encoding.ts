/** Characters that stand for themselves; all others are percent-encoded, byte by byte, in UTF-8. */
const PLAIN = /^[A-Za-z0-9_.~@/,=+-]*$/;
const UNSAFE = /[^A-Za-z0-9_.~@/,=+-]/gu;
const PLAIN_TAG = /^[A-Za-z0-9_.~@/,=+:-]*$/;
const UNSAFE_IN_TAG = /[^A-Za-z0-9_.~@/,=+:-]/gu;

/**
 * Encodes one part of a key so that no two different texts give the same result and no text
 * contains a separator, a brace or a glob character. Also safe for unpaired surrogates.
 */
export function encodePart(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, encodeCharacter);
}

/** The same for the part between `{` and `}`, where `:` separates nothing and stays readable. */
export function encodeTag(text: string): string {
  return PLAIN_TAG.test(text) ? text : text.replace(UNSAFE_IN_TAG, encodeCharacter);
}

/** The inverse of `encodePart` and `encodeTag`; `undefined` for what neither of them gives. */
export function decodePart(encoded: string): string | undefined {
  const surrogates = encoded.split(/%u([0-9A-F]{4})/);
  try {
    return surrogates
      .map((piece, index) =>
        index % 2 === 1
          ? String.fromCharCode(Number.parseInt(piece, 16))
          : decodeURIComponent(piece),
      )
      .join('');
  } catch {
    // Not a percent-encoding: somebody else wrote under our prefix.
    return undefined;
  }
}

function encodeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  const isLoneSurrogate = character.length === 1 && code >= 0xd800 && code <= 0xdfff;
  if (isLoneSurrogate) return `%u${code.toString(16).toUpperCase()}`;
  const encoded = encodeURIComponent(character);
  return encoded === character ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : encoded;
}
