import { type CompiledSources, compileSources } from '../support/compiled-sources.js';
import type { LockWorkerCalls, LockWorkerOptions } from './lock-worker.js';
import { type WorkerNews, WorkerProcess } from './worker-process.js';

const WORKER = 'test/faults/lock-worker.ts';

/** Compiles what the processes run. */
export function compileLockWorker(): Promise<CompiledSources> {
  return compileSources(['src/common', 'src/modules/lock', 'test/faults/worker.ts', WORKER]);
}

/** An application with locks, in a process of its own that can be stopped and killed. */
export class LockProcess extends WorkerProcess<LockWorkerCalls> {
  readonly #holding: (() => void)[] = [];

  /** Resolves when it is ready. */
  static async start(sources: CompiledSources, options: LockWorkerOptions): Promise<LockProcess> {
    return new LockProcess(await WorkerProcess.fork(sources, WORKER, options));
  }

  /** Resolves when it says that it holds a lock. */
  holding(): Promise<void> {
    return new Promise((resolve) => void this.#holding.push(resolve));
  }

  protected override hear(news: WorkerNews): void {
    if (news.news === 'holding') for (const tell of this.#holding.splice(0)) tell();
    else super.hear(news);
  }
}
