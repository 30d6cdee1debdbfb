/**
 * Values that a page names with `<name>`: whatever comes first is what it stands for from then on.
 */
export type Bindings = Map<string, string>;

const PLACEHOLDER = /<([a-z][a-z0-9 _-]*)>/g;

/**
 * Puts what is known for `<name>` into a command.
 * @throws Error for a name that nothing has given
 */
export function fillIn(text: string, bindings: Bindings): string {
  return text.replaceAll(PLACEHOLDER, (_all, name: string) => {
    const value = bindings.get(name);
    if (value === undefined) throw new Error(`<${name}> has no value yet`);
    return value;
  });
}

/**
 * Does the text read as expected? `<name>` stands for any text without line breaks, `…` for any
 * text at all; white space counts as one space or none, because pages break long JSON over lines.
 */
export function matchExpected(expected: string, actual: string, bindings: Bindings): boolean {
  const names: string[] = [];
  const pieces = squeeze(expected).split(/(<[a-z][a-z0-9 _-]*>|…)/);
  const pattern = pieces.map((piece) => patternOf(piece, names, bindings)).join('');
  const found = new RegExp(`^${pattern}$`, 's').exec(squeeze(actual));
  if (found === null) return false;
  names.forEach((name, index) => bindings.set(name, found[index + 1] ?? ''));
  return true;
}

function patternOf(piece: string, names: string[], bindings: Bindings): string {
  if (piece === '…') return '.*?';
  const [, name] = /^<([a-z][a-z0-9 _-]*)>$/.exec(piece) ?? [];
  if (name === undefined) return escape(piece);
  const known = bindings.get(name);
  if (known !== undefined) return escape(known);
  // A name that is used twice in one answer means the same there too.
  const index = names.indexOf(name);
  if (index !== -1) return `\\${index + 1}`;
  names.push(name);
  return '([^"\\n]*?)';
}

function escape(text: string): string {
  return text.replaceAll(/[$()*+./?[\\\]^{|}-]/g, String.raw`\$&`);
}

function squeeze(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*([{}[\],:])\s*/g, '$1')
    .replaceAll(/\s+/g, ' ');
}
