/** Is there an object of a class of the application in it? */
export function holdsInstance(value: unknown, seen = new Set<object>()): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false;
  if (ArrayBuffer.isView(value) || value instanceof Date) return false;
  seen.add(value);
  if (value instanceof Map || value instanceof Set) {
    return [...value].some((entry) => holdsInstance(entry, seen));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return !isPlain || Object.values(value).some((entry) => holdsInstance(entry, seen));
}
