import { EventStream } from '../../src/common/events/index.js';
import { type GateLink, type GateOptions, RedisGate } from '../../src/common/redis/gate.js';

export const DEADLINE_MS = 50;
export const PROBE_INTERVAL_MS = 400;
export const BOUNDS = { deadlineMs: DEADLINE_MS };

/** A link whose every answer is under the test's control. */
class FakeLink implements GateLink {
  ready = true;
  readonly probe = jest.fn(async (): Promise<void> => undefined);
  readonly destroySockets = jest.fn();
  readonly dropStuckSockets = jest.fn();

  isReady(): boolean {
    return this.ready;
  }
}

/** A gate on a fake link and on fake timers, with everything it announced. */
export class GateFixture {
  readonly link = new FakeLink();
  readonly log: string[] = [];
  readonly gate: RedisGate;

  constructor(options: Partial<GateOptions> = {}) {
    const events = new EventStream();
    events.on('redis.degraded', ({ connection, reason }) => {
      this.log.push(`${connection} degraded: ${reason}`);
    });
    events.on('redis.recovered', ({ connection, downMs }) => {
      this.log.push(`${connection} recovered after ${downMs} ms`);
    });
    const defaults = {
      connection: 'default',
      failureThreshold: 3,
      probeIntervalMs: PROBE_INTERVAL_MS,
      maxInFlight: 100,
    };
    this.gate = new RedisGate({ ...defaults, ...options }, this.link, events);
  }

  /** A gate that is connected and closed. */
  static async closed(options: Partial<GateOptions> = {}): Promise<GateFixture> {
    const fixture = new GateFixture(options);
    fixture.gate.linkUp();
    await turn();
    fixture.link.probe.mockClear();
    return fixture;
  }

  /** Makes one call that gets no answer; resolves with its error. */
  async timeOut(): Promise<unknown> {
    const call = failureOf(this.gate.run(never, BOUNDS));
    await pass(DEADLINE_MS);
    return call;
  }

  /** Makes one call that takes so long to be answered. */
  async takes(ms: number): Promise<void> {
    const call = this.gate.run(() => after(ms), BOUNDS);
    await pass(ms);
    await call;
  }
}

/** Fake time and no jitter; to be undone with `restoreTime`. */
export function fakeTime(): void {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
}

export function restoreTime(): void {
  jest.restoreAllMocks();
  jest.useRealTimers();
}

/** Lets time pass, with everything that happens meanwhile. */
export async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

/** Lets everything happen that takes no time. */
export async function turn(): Promise<void> {
  await jest.advanceTimersByTimeAsync(0);
}

export function never(): Promise<never> {
  return new Promise(() => undefined);
}

export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The error of a call that fails, without a moment in which nobody listens for it. */
export function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => new Error('the call succeeded'),
    (error: unknown) => error,
  );
}
