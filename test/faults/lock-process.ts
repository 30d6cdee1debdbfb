import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type CompiledSources, compileSources } from '../support/compiled-sources.js';
import { guardAgainstOrphan } from '../support/redis/orphan-guard.js';
import type { LockWorkerCalls, LockWorkerNews, LockWorkerOptions } from './lock-worker.js';

const WORKER = 'test/faults/lock-worker.ts';

/** Compiles what the processes run. */
export function compileLockWorker(): Promise<CompiledSources> {
  return compileSources(['src/common', 'src/modules/lock', WORKER]);
}

/** An application with locks, in a process of its own that can be stopped and killed. */
export class LockProcess {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, (news: LockWorkerNews) => void>();
  readonly #holding: (() => void)[] = [];
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (news: LockWorkerNews) => this.#hear(news));
  }

  /** Resolves when it is ready. */
  static async start(sources: CompiledSources, options: LockWorkerOptions): Promise<LockProcess> {
    const child = fork(sources.fileOf(WORKER), [JSON.stringify(options)], { execArgv: [] });
    child.once('exit', guardAgainstOrphan(child.pid as number, sources.folder));
    await Promise.race([once(child, 'message'), exitOf(child)]);
    return new LockProcess(child);
  }

  call<C extends keyof LockWorkerCalls>(
    call: C,
    of: Parameters<LockWorkerCalls[C]>[0],
  ): ReturnType<LockWorkerCalls[C]> {
    const id = (this.#asked += 1);
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, (news) => {
        if (news.news === 'done') resolve(news.answer);
        else if (news.news === 'failed') reject(new Error(news.reason));
      });
    });
    this.#child.send({ id, call, of });
    // What the worker's call resolves to is what it sends.
    return answer as ReturnType<LockWorkerCalls[C]>;
  }

  /** Resolves when it says that it holds a lock. */
  holding(): Promise<void> {
    return new Promise((resolve) => void this.#holding.push(resolve));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stops it in its tracks: its connections stay open, its timers do not run. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it without a word, stopped or not. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #hear(news: LockWorkerNews): void {
    if (news.news === 'holding') for (const tell of this.#holding.splice(0)) tell();
    else if ('id' in news) this.#calls.get(news.id)?.(news);
  }
}

async function exitOf(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`a worker process ended with ${String(code)} before it was ready`);
}
