import type { Logger } from '@nestjs/common';
import { formatDuration } from '../../../common/time/index.js';
import type { WarmUp } from './warm-explorer.js';
import type { WarmOutcome, WarmReport } from './warm-report.js';

/** One run of a warm-up: what it tells of its progress, and what came of it. */
export class WarmRun {
  readonly #warmUp: WarmUp;
  readonly #log: Logger;
  readonly #startedAt = performance.now();
  #tenths = 0;
  #progress: WarmReport['progress'];

  constructor(warmUp: WarmUp, log: Logger) {
    this.#warmUp = warmUp;
    this.#log = log;
  }

  /** Runs the method. It is bounded by its signal alone: what does not listen to it runs on. */
  async run(signals: readonly AbortSignal[]): Promise<WarmReport> {
    const { name, timeoutMs } = this.#warmUp;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error(`The warm-up took longer than ${formatDuration(timeoutMs)}.`));
    }, timeoutMs);
    try {
      const signal = AbortSignal.any([...signals, late.signal]);
      await this.#warmUp.run({ signal, progress: this.#note });
      this.#log.log(`Cache warm-up "${name}" is done after ${this.#durationMs} ms`);
      return this.report('done');
    } catch (error) {
      return this.failed(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Logs the error. */
  failed(error: unknown): WarmReport {
    const { name } = this.#warmUp;
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error(`Cache warm-up "${name}" failed after ${this.#durationMs} ms: ${detail}`);
    return this.report('failed', error);
  }

  report(outcome: WarmOutcome, error?: unknown): WarmReport {
    const { name } = this.#warmUp;
    const progress = this.#progress;
    return { name, outcome, durationMs: this.#durationMs, progress, error };
  }

  get #durationMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  readonly #note = (done: number, total: number): void => {
    this.#progress = { done, total };
    const tenths = Math.floor((done / total) * 10);
    if (!(tenths > this.#tenths)) return;
    this.#tenths = tenths;
    this.#log.log(`Cache warm-up "${this.#warmUp.name}": ${done} of ${total}`);
  };
}
