import type { Session, SessionData } from './session.js';

/** New top-level values; `undefined` removes one. Or a function from the data to the new data. */
export type SessionUpdate<Data extends SessionData = SessionData> =
  Partial<Data> | ((data: Data) => Data | Promise<Data>);

/** The data after the change. */
export async function changed(data: SessionData, change: SessionUpdate): Promise<SessionData> {
  return typeof change === 'function' ? change(data) : merge(data, change);
}

/** For `sort`: the last seen first, and one order for those seen at the same time. */
export function byLastSeen(left: Session, right: Session): number {
  return right.lastSeenAt.getTime() - left.lastSeenAt.getTime() || (left.id < right.id ? -1 : 1);
}

/**
 * `fromEntries` defines properties instead of assigning them, so `__proto__` is one like any other.
 */
function merge(data: SessionData, patch: SessionData): SessionData {
  const isRemoved = (name: string): boolean =>
    Object.hasOwn(patch, name) && patch[name] === undefined;
  return Object.fromEntries(
    Object.entries({ ...data, ...patch }).filter(([name]) => !isRemoved(name)),
  );
}
