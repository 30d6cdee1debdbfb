import fc from 'fast-check';
import { ServerClock } from '../../src/common/redis/server-clock.js';

/** What the estimate takes off, because our clock may run fast. */
const DRIFT = 500e-6;
const SERVER_NOW = Date.UTC(2026, 0, 1);

describe('ServerClock', () => {
  let clock: ServerClock;

  beforeEach(() => {
    jest.useFakeTimers();
    clock = new ServerClock();
  });

  afterEach(() => jest.useRealTimers());

  it('refuses nothing before it has heard from the server', () => {
    expect(clock.deadline(50)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('sets the deadline on the clock of the server, whatever the one of this machine says', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW + 50);
  });

  it('goes on with the time that passes here, by a clock that may be 500 ppm fast', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    jest.advanceTimersByTime(10_000);
    expect(clock.deadline(50)).toBe(SERVER_NOW + 10_050 - 5);
  });

  it('takes a new reply that travelled slower once the old one has aged', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    jest.advanceTimersByTime(100_000);
    clock.refine(SERVER_NOW + 100_000 - 20, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW + 100_000 - 20 + 50);
  });

  it('does not notice when the wall clock of this machine is set', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    jest.setSystemTime(0);
    expect(clock.deadline(50)).toBe(SERVER_NOW + 50);
  });

  it('gives whole milliseconds, never more than the caller waits', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    expect(clock.deadline(50.75)).toBe(SERVER_NOW + 50);
  });

  it('takes the reply that travelled fastest', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    clock.refine(SERVER_NOW + 20, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW + 70);
    clock.refine(SERVER_NOW + 5, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW + 70);
  });

  it('hears from the server for the first time by a refusal as well', () => {
    clock.refine(SERVER_NOW, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW + 50);
  });

  it('starts over at a probe, also when the clock of the server was set back', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    clock.synchronise(SERVER_NOW - 60_000, performance.now());
    expect(clock.deadline(50)).toBe(SERVER_NOW - 60_000 + 50);
  });

  it('is never ahead of the server, whatever the journeys take and the clocks differ in rate', () => {
    fc.assert(
      fc.property(journeys, rate, (travelled, serverRate) => {
        const server = serverFrom(performance.now(), serverRate);
        clock = new ServerClock();
        travelled.forEach(({ there, back, pause }, index) => {
          jest.advanceTimersByTime(there);
          const serverNow = Math.floor(server());
          jest.advanceTimersByTime(back);
          if (index === 0) clock.synchronise(serverNow, performance.now());
          else clock.refine(serverNow, performance.now());
          jest.advanceTimersByTime(pause);
          expect(clock.deadline(0)).toBeLessThanOrEqual(server());
        });
      }),
    );
  });

  it('is behind by no more than the last reply travelled and what its age takes off', () => {
    fc.assert(
      fc.property(journeys, rate, ([first = NO_JOURNEY], serverRate) => {
        const server = serverFrom(performance.now(), serverRate);
        const serverNow = server();
        jest.advanceTimersByTime(first.back);
        clock.synchronise(serverNow, performance.now());
        jest.advanceTimersByTime(first.pause);
        const aged = (first.back + first.pause) * 2 * DRIFT;
        expect(server() - clock.deadline(0)).toBeLessThanOrEqual(first.back + aged + 1);
      }),
    );
  });
});

const NO_JOURNEY = { there: 0, back: 0, pause: 0 };

/** One request and its reply, in ms; the pause after it may be a day. */
const journeys = fc.array(
  fc.record({ there: fc.nat(300), back: fc.nat(300), pause: fc.nat(86_400_000) }),
  { minLength: 1, maxLength: 5 },
);

/** Ms of the server's clock in a ms of ours. */
const rate = fc.integer({ min: -499, max: 499 }).map((ppm) => 1 + ppm * 1e-6);

/** A server whose clock goes at a rate of its own. */
function serverFrom(ourNow: number, serverRate: number): () => number {
  return () => SERVER_NOW + (performance.now() - ourNow) * serverRate;
}
