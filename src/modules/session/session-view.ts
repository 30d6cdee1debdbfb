import { NotFoundException } from '@nestjs/common';
import { jsonView } from '../../common/admin/index.js';
import type { Session } from './session.js';

/**
 * A session as JSON shows it; what JSON has no form for as near as it can. There is no secret in a
 * `Session`, so there is none here.
 */
export interface SessionView {
  readonly id: string;
  /** Absent for what `put` stored. */
  readonly user_id?: string;
  readonly data: unknown;
  readonly device?: unknown;
  readonly ip?: string;
  /** ISO 8601, as are the others. */
  readonly created_at: string;
  readonly last_seen_at: string;
  readonly expires_at: string;
}

/** What operators see of a session. */
export function viewOf(session: Session): SessionView {
  const { id, userId, data, device, ip, createdAt, lastSeenAt, expiresAt } = session;
  return {
    id,
    ...(userId === undefined ? {} : { user_id: userId }),
    data: jsonView(data),
    ...(device === undefined ? {} : { device: jsonView(device) }),
    ...(ip === undefined ? {} : { ip }),
    created_at: createdAt.toISOString(),
    last_seen_at: lastSeenAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  };
}

/** @throws NotFoundException when there is no such session */
export function viewOrNotFound(session: Session | undefined): SessionView {
  if (session === undefined) throw sessionNotFound();
  return viewOf(session);
}

export function sessionNotFound(): NotFoundException {
  return new NotFoundException('There is no live session with this id.');
}
