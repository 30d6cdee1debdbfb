import type { SessionDriver } from '../../../src/modules/session/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import type { FakeClock } from '../../../src/testing/index.js';

/** A Redis in a box: it keeps what it was told, also while it cannot be reached. */
export class FakePrimary {
  readonly kept: MemorySessionDriver;
  readonly calls: string[] = [];
  readonly driver: SessionDriver;
  /** Runs before every call; throws what the caller is to get. */
  obstacle: (method: string) => Promise<void> | void = () => undefined;

  constructor(clock: FakeClock) {
    this.kept = new MemorySessionDriver({ clock, maxSessions: 1_000 });
    this.driver = new Proxy<SessionDriver>(this.kept, {
      get:
        (kept, method) =>
        async (...args: unknown[]) => {
          this.calls.push(String(method));
          await this.obstacle(String(method));
          return Reflect.apply(Reflect.get(kept, method) as () => unknown, kept, args);
        },
    });
  }
}
