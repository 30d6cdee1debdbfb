import type { ThrottlePolicy } from '../../../src/modules/throttle/index.js';
import { eventually } from '../../support/eventually.js';
import {
  checks,
  hit,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  STRATEGIES,
  useFixture,
} from './throttle-fixture.js';

const SHORT_WINDOW = 300;
const HOUR = 3_600_000;

const ONCE = STRATEGIES.map((strategy) => policy({ strategy, limit: 1, windowMs: SHORT_WINDOW }));

/**
 * By the driver's own clock: real time, in windows short enough to be waited for. The strategies
 * wait together.
 */
export function serverClockSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  it('denies within the window, and says how long', async () => {
    await forEachStrategy(async (once) => {
      const { driver } = fixture();
      const long = { ...once, windowMs: HOUR };
      await hit(driver, 'alice', long);
      const { allowed, retryAfterMs } = await hit(driver, 'alice', long);
      expect(allowed).toBe(false);
      expect(retryAfterMs).toBeGreaterThan(HOUR - 60_000);
      expect(retryAfterMs).toBeLessThanOrEqual(HOUR);
    });
  });

  it('admits again after the window, and counts that hit', async () => {
    await forEachStrategy(async (once) => {
      const { driver } = fixture();
      await hit(driver, 'alice', once);
      const again = await eventually(async () => {
        const decision = await hit(driver, 'alice', once);
        return decision.allowed && decision;
      });
      // Asked by another hit, its window might be over as well.
      expect(again).toMatchObject({ remaining: 0, resetMs: SHORT_WINDOW });
    });
  });

  it('forgets a window that is over: nothing to reset, nothing a longer window brings back', async () => {
    await forEachStrategy(async (once) => {
      const { driver } = fixture();
      await hit(driver, 'alice', once);
      await hit(driver, 'bob', once);
      await windowPasses(once.strategy);
      await expect(driver.reset(checks('alice', [once]))).resolves.toBe(false);
      const long = { ...once, windowMs: HOUR };
      await expect(look(driver, 'bob', long)).resolves.toMatchObject({ remaining: 1 });
      await expect(hit(driver, 'bob', long)).resolves.toMatchObject({
        allowed: true,
        resetMs: HOUR,
      });
    });
  });

  it('admits exactly the limit to a burst', async () => {
    await forEachStrategy(async ({ strategy }) => {
      const seven = policy({ strategy, limit: 7 });
      await expect(hitTimes(fixture().driver, 20, seven)).resolves.toBe(7);
    });
  });

  /** A window that begins after all hits so far: when it is over, theirs are. */
  async function windowPasses(timerName: string): Promise<void> {
    const { driver } = fixture();
    const timer = policy({ name: timerName, limit: 1, windowMs: SHORT_WINDOW + 10 });
    await hit(driver, 'timer', timer);
    await eventually(async () => (await look(driver, 'timer', timer)).allowed);
  }
}

async function forEachStrategy(check: (once: ThrottlePolicy) => Promise<void>): Promise<void> {
  await Promise.all(ONCE.map(check));
}
