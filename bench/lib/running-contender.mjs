import { setTimeout as delay } from 'node:timers/promises';
import { summary } from './slice.mjs';

/** Until what a contender's timers do first after a thaw has been answered. */
const THAWED_MS = 100;

/**
 * A contender that was started, of any kind. A subclass adds
 *
 * - `ping()`: resolves when its event loop has turned
 * - `prove()`: that it does its work; rejects with an AssertionError otherwise
 * - `run(seconds)`: loads it, and resolves to what it did: `count`, `seconds`, `p50Ms`, `p99Ms`,
 *   `maxMs`, its `cpuMicros`, and what `check` looks at besides
 * - `check(slice)`: throws an AssertionError unless all it did was done as promised
 */
export class RunningContender {
  /** As it is listed, see contenders.mjs. */
  contender;
  process;

  constructor(contender, process) {
    this.contender = contender;
    this.process = process;
  }

  /** Load that is not counted. */
  async warmUp(seconds) {
    await this.run(seconds);
  }

  /** Its slices as one result. */
  summary(slices) {
    return summary(this.contender, slices);
  }

  freeze() {
    this.process.freeze();
  }

  /** Resolves when it has caught up with the timers that were due while it was frozen. */
  async thaw() {
    this.process.thaw();
    await this.ping();
    await delay(THAWED_MS);
  }

  stop() {
    return this.process.stop();
  }
}
