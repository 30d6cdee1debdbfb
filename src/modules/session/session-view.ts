import { NotFoundException } from '@nestjs/common';
import type { Session } from './session.js';

/** A session as JSON. There is no secret in a `Session`, so there is none here. */
export type SessionView = Readonly<Record<string, unknown>>;

/**
 * What operators see of a session. Values that JSON has no form for are shown as near as it can: a
 * bigint as text, a Map as a list of pairs, a Set as a list.
 */
export function viewOf(session: Session): SessionView {
  return JSON.parse(JSON.stringify(session, showable)) as SessionView;
}

/** @throws NotFoundException when there is no such session */
export function viewOrNotFound(session: Session | undefined): SessionView {
  if (session === undefined) throw sessionNotFound();
  return viewOf(session);
}

export function sessionNotFound(): NotFoundException {
  return new NotFoundException('There is no live session with this id.');
}

function showable(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Map || value instanceof Set ? [...value] : value;
}
