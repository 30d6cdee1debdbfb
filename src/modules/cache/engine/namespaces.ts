/** Longer texts before a colon are no names. */
const MAX_LENGTH = 100;

/** The part of a key before its first colon; `''` where it has none, or one that is no name. */
export function namespaceOf(key: string): string {
  const end = key.indexOf(':');
  return end === -1 || end > MAX_LENGTH ? '' : key.slice(0, end);
}

/** The tag that all entries of a namespace have. */
export function namespaceTag(namespace: string): string {
  return `namespace:${namespace}`;
}

/** The given tags, each once, and that of the key's namespace. */
export function tagsOf(key: string, tags: readonly string[]): readonly string[] {
  const own = namespaceTag(namespaceOf(key));
  return tags.length === 0 ? [own] : [...new Set([own, ...tags])];
}
