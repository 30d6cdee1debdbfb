import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCore } from './pinning.mjs';

const SCRIPTS = {
  http: '../serve.mjs',
  operation: '../operate.mjs',
  contention: '../operate.mjs',
};
/** All of a group start together, on one core. */
const START_TIMEOUT_MS = 60_000;

const alive = new Set();
// A frozen process would not notice that this one has ended, and outlive it.
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

/** A contender in a process of its own, on the core of the contenders. */
export class ContenderProcess {
  #child;
  #ended;

  constructor(child, ended) {
    this.#child = child;
    this.#ended = ended;
  }

  /** `nodeOptions` are for profilers, such as `--cpu-prof`. `hello` is the first it says. */
  static async start({ kind, id }, { redisUrl, core, nodeOptions = [] }) {
    const [execPath, ...before] = onCore(core, [process.execPath]);
    const child = fork(fileURLToPath(new URL(SCRIPTS[kind], import.meta.url)), [id, redisUrl], {
      execPath,
      execArgv: [...before, ...nodeOptions],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    alive.add(child);
    const ended = once(child, 'exit').then(([code]) => {
      alive.delete(child);
      throw new Error(`The process of "${id}" ended with code ${code}`);
    });
    // It ends when told to, later, and nobody listens then.
    ended.catch(() => undefined);
    const started = new ContenderProcess(child, ended);
    try {
      return { process: started, hello: await started.#next(START_TIMEOUT_MS) };
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** What it answers to a message. */
  ask(message, timeoutMs = 10_000) {
    this.#child.send(message);
    return this.#next(timeoutMs);
  }

  /** Nothing of it runs from now on, timers included. */
  freeze() {
    this.#child.kill('SIGSTOP');
  }

  /** Timers that were due meanwhile fire at once. */
  thaw() {
    this.#child.kill('SIGCONT');
  }

  /** Also when it is frozen, or hangs in an operation: it does not wait for that. */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    this.thaw();
    await this.#ended.catch(() => undefined);
  }

  async #next(timeoutMs) {
    const signal = AbortSignal.timeout(timeoutMs);
    const [message] = await Promise.race([once(this.#child, 'message', { signal }), this.#ended]);
    return message;
  }
}
