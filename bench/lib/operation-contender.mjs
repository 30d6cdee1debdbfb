import assert from 'node:assert/strict';
import { ContenderProcess } from './contender-process.mjs';
import { checkCommands } from './redis-work.mjs';
import { RunningContender } from './running-contender.mjs';

/** Beyond the time it was told to operate; an operation that never ends is found by it. */
const PATIENCE_MS = 10_000;

/** A process that calls its operation again and again. */
export class OperationContender extends RunningContender {
  static async start(contender, settings) {
    const { process } = await ContenderProcess.start(contender, settings);
    return new this(contender, process);
  }

  ping() {
    return this.ask({ task: 'ping' });
  }

  prove() {
    return this.ask({ task: 'prove' });
  }

  run(seconds) {
    return this.ask({ task: 'run', seconds }, seconds * 1_000 + PATIENCE_MS);
  }

  check({ count, commands }) {
    assert.ok(count > 0, `${this.contender.id}: no operation`);
    checkCommands(this.contender, commands, count);
  }

  /** @throws AssertionError when it failed */
  async ask(message, waitMs = PATIENCE_MS) {
    const { error, result } = await this.process.ask(message, waitMs);
    assert.ok(error === undefined, `${this.contender.id}: ${error}`);
    return result;
  }
}
