import {
  type BackplaneEvents,
  type EventName,
  EventStream,
} from '../../../src/common/events/index.js';
import type { SessionDriver, SessionOptions } from '../../../src/modules/session/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import { resolveSessionOptions } from '../../../src/modules/session/session.options.js';
import { SessionService } from '../../../src/modules/session/session.service.js';
import { FakeClock } from '../../../src/testing/index.js';

const SESSION_EVENTS = [
  'session.created',
  'session.stored',
  'session.destroyed',
  'session.revoked',
  'session.rejected',
  'session.unreadable',
] as const satisfies readonly EventName[];

/** A service on the memory driver, with what it reported and a clock that stands still. */
export interface SessionHarness {
  readonly sessions: SessionService;
  readonly driver: MemorySessionDriver;
  readonly clock: FakeClock;
  readonly events: (readonly [EventName, BackplaneEvents[EventName]])[];
}

export function sessionHarness(
  options: SessionOptions = {},
  wrap: (driver: SessionDriver) => SessionDriver = (driver) => driver,
): SessionHarness {
  const clock = new FakeClock();
  const resolved = resolveSessionOptions(options);
  const driver = new MemorySessionDriver({ clock, ...resolved });
  const stream = new EventStream();
  const events: [EventName, BackplaneEvents[EventName]][] = [];
  for (const name of SESSION_EVENTS) stream.on(name, (payload) => events.push([name, payload]));
  const sessions = new SessionService(wrap(driver), resolved, stream, clock);
  return { sessions, driver, clock, events };
}
