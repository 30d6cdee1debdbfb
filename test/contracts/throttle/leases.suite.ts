import type { CountedCheck, ThrottleDriver } from '../../../src/modules/throttle/index.js';
import {
  checks,
  counted,
  hitTimes,
  look,
  type OpenThrottle,
  policy,
  useFixture,
  WINDOW,
} from './throttle-fixture.js';

const three = policy({ strategy: 'concurrency' });

/** Hits that are given back when what they stand for is over: how many there are at the same time. */
export function leasesSuite(open: OpenThrottle): void {
  const fixture = useFixture(open);

  it('make room when they are given back, however long they were held within the window', async () => {
    const { driver, clock } = fixture();
    const first = await take(driver);
    await hitTimes(driver, 2, three);
    for (const heldMs of [0, 1, WINDOW / 2]) {
      clock.advance(heldMs);
      await expect(hitTimes(driver, 1, three)).resolves.toBe(0);
    }
    clock.advance(WINDOW / 2 - 2);
    await expect(driver.refund(first)).resolves.toBe(true);
    await expect(hitTimes(driver, 5, three)).resolves.toBe(1);
  });

  it('never are more than the limit at once, while many come and go', async () => {
    const { driver, clock } = fixture();
    const held: (readonly CountedCheck[])[] = [];
    let taken = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      clock.advance(turn % 3);
      const outcome = await driver.consume(checks('alice', [three]));
      expect(outcome.allowed).toBe(held.length < 3);
      if (outcome.allowed) held.push(counted(checks('alice', [three]), outcome));
      if (outcome.allowed) taken += 1;
      const [over] = turn % 2 === 0 ? held.splice(turn % held.length, 1) : [];
      if (over !== undefined) await expect(driver.refund(over)).resolves.toBe(true);
    }
    expect(taken).toBeGreaterThan(30);
  });

  it('of holders that died end by themselves, one window after each was taken', async () => {
    const { driver, clock } = fixture();
    await hitTimes(driver, 2, three);
    clock.advance(1_000);
    await hitTimes(driver, 1, three);
    await expect(look(driver, 'alice', three)).resolves.toMatchObject({
      retryAfterMs: WINDOW - 1_000,
    });
    clock.advance(WINDOW - 1_001);
    await expect(hitTimes(driver, 1, three)).resolves.toBe(0);
    clock.advance(1);
    await expect(hitTimes(driver, 5, three)).resolves.toBe(2);
  });

  it('give back themselves: that of an earlier holder stands, and when it ends', async () => {
    const { driver, clock } = fixture();
    await hitTimes(driver, 1, three);
    clock.advance(1_000);
    const second = await take(driver);
    clock.advance(1_000);
    await hitTimes(driver, 1, three);
    await driver.refund(second);
    await expect(look(driver, 'alice', three)).resolves.toMatchObject({
      remaining: 1,
      resetMs: WINDOW - 2_000,
    });
  });

  it('take nothing from those who came later when they are given back too late', async () => {
    const { driver, clock } = fixture();
    const late = await take(driver);
    clock.advance(WINDOW);
    await expect(hitTimes(driver, 3, three)).resolves.toBe(3);
    await expect(driver.refund(late)).resolves.toBe(false);
    await expect(hitTimes(driver, 1, three)).resolves.toBe(0);
  });

  it('leave nothing behind when all are given back', async () => {
    const { driver, clock } = fixture();
    const first = await take(driver);
    clock.advance(5);
    await driver.refund(await take(driver));
    await driver.refund(first);
    await expect(driver.reset(checks('alice', [three]))).resolves.toBe(false);
  });
}

async function take(driver: ThrottleDriver): Promise<readonly CountedCheck[]> {
  const asked = checks('alice', [three]);
  const outcome = await driver.consume(asked);
  expect(outcome.allowed).toBe(true);
  return counted(asked, outcome);
}
