import type { ThrottleStrategy } from '../../../src/modules/throttle/index.js';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  checks,
  hit,
  hitTimes,
  look,
  policy,
  STRATEGIES,
  WINDOW,
} from '../../contracts/throttle/throttle-fixture.js';

const ONCE = policy({ limit: 1 });

function driverOf(
  maxCounters: number,
  maxHits = 100_000,
): { driver: MemoryThrottleDriver; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, driver: new MemoryThrottleDriver({ clock, maxCounters, maxHits }) };
}

async function isRemembered(driver: MemoryThrottleDriver, subject: string): Promise<boolean> {
  return !(await look(driver, subject, ONCE)).allowed;
}

describe('the counters of the memory driver', () => {
  it('are at most maxCounters: beyond it the least recently used is forgotten', async () => {
    const { driver } = driverOf(3);
    for (const subject of ['a', 'b', 'c', 'd', 'e']) await hit(driver, subject, ONCE);
    const remembered = [];
    for (const subject of ['a', 'b', 'c', 'd', 'e']) {
      if (await isRemembered(driver, subject)) remembered.push(subject);
    }
    expect(remembered).toEqual(['c', 'd', 'e']);
  });

  it('are kept while they are used, allowed or denied, whoever floods the others', async () => {
    const { driver } = driverOf(3);
    const often = policy({ limit: 100 });
    await hit(driver, 'blocked', ONCE);
    for (let newcomer = 0; newcomer < 20; newcomer += 1) {
      await hit(driver, 'blocked', ONCE);
      await hit(driver, 'regular', often);
      await hit(driver, `newcomer ${newcomer}`, ONCE);
    }
    await expect(isRemembered(driver, 'blocked')).resolves.toBe(true);
    await expect(look(driver, 'regular', often)).resolves.toMatchObject({ remaining: 80 });
  });

  it('remember at most maxHits together: beyond it the least recently used is forgotten', async () => {
    const { driver } = driverOf(100, 10);
    const four = policy({ limit: 4 });
    const fixed = policy({ limit: 1, strategy: 'fixed-window' });
    for (const subject of ['a', 'b']) {
      for (let count = 0; count < 4; count += 1) await hit(driver, subject, four);
    }
    for (let count = 0; count < 9; count += 1) await hit(driver, 'f', fixed);
    await hit(driver, 'c', four);
    await expect(look(driver, 'a', four)).resolves.toMatchObject({ remaining: 0 });
    await hit(driver, 'd', four);
    await expect(look(driver, 'a', four)).resolves.toMatchObject({ remaining: 4 });
    await expect(look(driver, 'b', four)).resolves.toMatchObject({ remaining: 0 });
    await expect(look(driver, 'f', fixed)).resolves.toMatchObject({ allowed: false });
  });

  it('that hold more than maxHits alone still decide rightly', async () => {
    const { driver } = driverOf(100, 10);
    const twenty = policy({ limit: 20 });
    await expect(hitTimes(driver, 30, twenty)).resolves.toBe(20);
  });

  it('are not forgotten for their own hits, whatever was used since', async () => {
    const { driver } = driverOf(100, 10);
    const heavy = policy({ name: 'heavy', limit: 20 });
    for (const subject of ['a', 'b', 'c']) await hit(driver, subject, ONCE);
    await hit(driver, 'alice', heavy);
    for (const subject of ['d', 'e']) await hit(driver, subject, ONCE);
    await driver.consume(checks('alice', [heavy], 15));
    await expect(look(driver, 'alice', heavy)).resolves.toMatchObject({ remaining: 4 });
  });

  it('are moved in their order once in a while only, however often one is used', async () => {
    const { driver } = driverOf(1_000);
    const often = policy({ limit: 10_000 });
    for (let other = 0; other < 100; other += 1) await hit(driver, `other ${other}`, ONCE);
    const moves = jest.spyOn(Map.prototype, 'delete');
    try {
      await hitTimes(driver, 500, often);
      expect(moves.mock.calls.length).toBeLessThan(10);
    } finally {
      moves.mockRestore();
    }
  });

  it('give back the hits that they lose by a reset, by time and by clear', async () => {
    const { driver, clock } = driverOf(100, 10);
    const nine = policy({ limit: 9 });
    await hitTimes(driver, 9, nine);
    await driver.reset(checks('alice', [nine]));
    await hitTimes(driver, 9, nine);
    clock.advance(WINDOW);
    await hit(driver, 'alice', ONCE);
    driver.clear();
    for (const subject of ['a', 'b', 'c', 'd', 'e']) await hit(driver, subject, ONCE);
    for (const subject of ['a', 'b', 'c', 'd', 'e']) {
      await expect(isRemembered(driver, subject)).resolves.toBe(true);
    }
  });

  it('make room when they are over also while others are used all the time', async () => {
    const { driver, clock } = driverOf(8);
    const brief = policy({ name: 'brief', windowMs: 1_000 });
    const busy = policy({ limit: 1_000 });
    for (const subject of ['x', 'y', 'z']) await hit(driver, subject, brief);
    await hit(driver, 'first', ONCE);
    await hit(driver, 'second', ONCE);
    for (let count = 0; count < 50; count += 1) await hit(driver, 'busy', busy);
    clock.advance(1_000);
    for (const subject of ['b', 'c', 'd', 'e']) {
      for (let count = 0; count < 50; count += 1) await hit(driver, 'busy', busy);
      await hit(driver, subject, ONCE);
    }
    await expect(isRemembered(driver, 'first')).resolves.toBe(true);
  });

  it('are not made by a look, a denied hit or a reset', async () => {
    const { driver } = driverOf(1);
    await hit(driver, 'a', ONCE);
    await look(driver, 'b', ONCE);
    await driver.reset(checks('c', [ONCE]));
    await driver.consume(checks('a', [ONCE, policy({ name: 'other' })]));
    await expect(isRemembered(driver, 'a')).resolves.toBe(true);
  });

  it('make room when they are over, so that an older one that is live is kept', async () => {
    const { driver, clock } = driverOf(4);
    const brief = policy({ name: 'brief', windowMs: 1_000 });
    await hit(driver, 'a', ONCE);
    for (const subject of ['x', 'y', 'z']) await hit(driver, subject, brief);
    clock.advance(1_000);
    for (const subject of ['b', 'c', 'd']) await hit(driver, subject, ONCE);
    await expect(isRemembered(driver, 'a')).resolves.toBe(true);
  });

  it('count as new when they begin again after their window', async () => {
    const { driver, clock } = driverOf(2);
    await hit(driver, 'a', ONCE);
    clock.advance(WINDOW / 2);
    await hit(driver, 'b', ONCE);
    clock.advance(WINDOW / 2);
    await hit(driver, 'a', ONCE);
    await hit(driver, 'c', ONCE);
    await expect(isRemembered(driver, 'a')).resolves.toBe(true);
    await expect(isRemembered(driver, 'b')).resolves.toBe(false);
  });

  it('do not push another one out when they begin again', async () => {
    const { driver, clock } = driverOf(5);
    for (const subject of ['a', 'b', 'c', 'd']) await hit(driver, subject, ONCE);
    const brief = policy({ name: 'brief', windowMs: 1_000 });
    await hit(driver, 'x', brief);
    clock.advance(1_000);
    await hit(driver, 'x', brief);
    await expect(isRemembered(driver, 'a')).resolves.toBe(true);
  });

  it('are all forgotten by clear', async () => {
    const { driver } = driverOf(10);
    await hit(driver, 'a', ONCE);
    await hit(driver, 'alice', policy({ strategy: 'fixed-window' }));
    driver.clear();
    await expect(isRemembered(driver, 'a')).resolves.toBe(false);
    await expect(hitTimes(driver, 5, policy({ strategy: 'fixed-window' }))).resolves.toBe(3);
  });

  it('lose hits one by one, and no other with them, however many have left', async () => {
    const { driver, clock } = driverOf(10);
    const hundred = policy({ limit: 100 });
    for (let count = 0; count < 100; count += 1) {
      await hit(driver, 'alice', hundred);
      clock.advance(1);
    }
    clock.advance(WINDOW - 101);
    for (let left = 0; left < 100; left += 1) {
      await expect(look(driver, 'alice', hundred)).resolves.toMatchObject({
        remaining: left,
        resetMs: 1,
      });
      clock.advance(1);
    }
    await expect(hitTimes(driver, 200, hundred)).resolves.toBe(100);
  });
});

/** A time that tells whenever it is read. */
class CountedTime extends Number {
  constructor(
    time: number,
    private readonly onRead: () => void,
  ) {
    super(time);
  }

  override valueOf(): number {
    this.onRead();
    return super.valueOf();
  }
}

/** Counts how often stored times are read: the work of a hit, whatever the machine. */
class CountingClock extends FakeClock {
  reads = 0;
  readonly #count = (): void => {
    this.reads += 1;
  };

  override now(): number {
    // Behaves as a number in every calculation, which its type cannot say.
    const time: unknown = new CountedTime(super.now(), this.#count);
    return time as number;
  }
}

describe('the work of a hit', () => {
  async function readsOfHit(strategy: ThrottleStrategy, live: number): Promise<number> {
    const clock = new CountingClock();
    const driver = new MemoryThrottleDriver({ clock, maxCounters: 10, maxHits: 100_000 });
    const large = policy({ strategy, limit: 10_000 });
    await hitTimes(driver, live, large);
    clock.reads = 0;
    await hit(driver, 'alice', large);
    return clock.reads;
  }

  it.each(STRATEGIES)('is the same with 10 and with 1000 live hits (%s)', async (strategy) => {
    const few = await readsOfHit(strategy, 10);
    expect(few).toBeGreaterThan(0);
    await expect(readsOfHit(strategy, 1_000)).resolves.toBe(few);
  });
});
