/**
 * A stored value as JSON shows it. What JSON has no form for is shown as near as it can: a bigint
 * as text, a Map as a list of pairs, a Set as a list.
 */
export function jsonView(value: unknown): unknown {
  const json = JSON.stringify(value, showable) as string | undefined;
  return json === undefined ? null : JSON.parse(json);
}

function showable(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Map || value instanceof Set ? [...value] : value;
}
