import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { CompiledSources } from '../support/compiled-sources.js';
import { guardAgainstOrphan } from '../support/redis/orphan-guard.js';

/** What a worker process says: it is ready, something of its own, or what a call came to. */
export type WorkerNews =
  | { readonly news: string }
  | { readonly news: 'done'; readonly id: number; readonly answer: unknown }
  | { readonly news: 'failed'; readonly id: number; readonly reason: string };

/** An application in a process of its own, that can be stopped and killed. */
export class WorkerProcess<Calls> {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, (news: WorkerNews) => void>();
  #asked = 0;

  protected constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (news: WorkerNews) => this.hear(news));
  }

  /** Resolves when it is ready. */
  static async fork(
    sources: CompiledSources,
    worker: string,
    options: object,
  ): Promise<ChildProcess> {
    const child = fork(sources.fileOf(worker), [JSON.stringify(options)], { execArgv: [] });
    child.once('exit', guardAgainstOrphan(child.pid as number, sources.folder));
    await Promise.race([once(child, 'message'), exitOf(child)]);
    return child;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  call<C extends keyof Calls>(call: C, of: ArgumentOf<Calls[C]>): AnswerOf<Calls[C]> {
    const id = (this.#asked += 1);
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, (news) => {
        if ('answer' in news) resolve(news.answer);
        else if ('reason' in news) reject(new Error(news.reason));
      });
    });
    this.#child.send({ id, call, of });
    // What the worker's call resolves to is what it sends.
    return answer as AnswerOf<Calls[C]>;
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

  protected hear(news: WorkerNews): void {
    if ('id' in news) this.#calls.get(news.id)?.(news);
  }
}

type ArgumentOf<Call> = Call extends (of: infer Of) => unknown ? Of : never;
type AnswerOf<Call> = Call extends (of: never) => infer Answer ? Answer : never;

async function exitOf(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`a worker process ended with ${String(code)} before it was ready`);
}
