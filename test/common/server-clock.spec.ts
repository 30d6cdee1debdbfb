import fc from 'fast-check';
import { ServerClock } from '../../src/common/redis/server-clock.js';

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

  it('goes on with the time that passes here', () => {
    clock.synchronise(SERVER_NOW, performance.now());
    jest.advanceTimersByTime(1_000);
    expect(clock.deadline(50)).toBe(SERVER_NOW + 1_050);
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

  it('is never ahead of the server, however long requests and replies travel', () => {
    const journey = fc.record({ there: fc.nat(300), back: fc.nat(300), pause: fc.nat(1_000) });
    fc.assert(
      fc.property(fc.array(journey, { minLength: 1, maxLength: 5 }), (journeys) => {
        clock = new ServerClock();
        const offset = SERVER_NOW - performance.now();
        journeys.forEach(({ there, back, pause }, index) => {
          jest.advanceTimersByTime(there);
          const serverNow = performance.now() + offset;
          jest.advanceTimersByTime(back);
          if (index === 0) clock.synchronise(serverNow, performance.now());
          else clock.refine(serverNow, performance.now());
          jest.advanceTimersByTime(pause);
          expect(clock.deadline(0)).toBeLessThanOrEqual(performance.now() + offset);
        });
        const fastest = Math.min(...journeys.map(({ back }) => back));
        expect(clock.deadline(0)).toBe(Math.floor(performance.now() + offset - fastest));
      }),
    );
  });
});
