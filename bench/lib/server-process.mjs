import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCore } from './pinning.mjs';

const SCRIPT = fileURLToPath(new URL('../serve.mjs', import.meta.url));
const START_TIMEOUT_MS = 20_000;

/** A contender's server in a process of its own, on a core of its own. */
export class ServerProcess {
  #child;

  constructor(child, port) {
    this.#child = child;
    this.origin = `http://127.0.0.1:${port}`;
  }

  /** `nodeOptions` are for profilers, such as `--cpu-prof`. */
  static async start({ id, redisUrl, core, nodeOptions = [] }) {
    const [execPath, ...before] = onCore(core, [process.execPath]);
    const child = fork(SCRIPT, [id, redisUrl], {
      execPath,
      execArgv: [...before, ...nodeOptions],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`The server of "${id}" ended with code ${code}`);
    });
    const [{ port }] = await Promise.race([once(child, 'message', { signal }), ended]);
    // It ends when told to, later, and nobody listens then.
    ended.catch(() => undefined);
    return new ServerProcess(child, port);
  }

  /** `{ handlerRuns, cpuMicros }` since the server started. */
  async counters() {
    this.#child.send('counters');
    const [counters] = await once(this.#child, 'message', { signal: AbortSignal.timeout(10_000) });
    return counters;
  }

  async stop() {
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }
}
