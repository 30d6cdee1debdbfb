import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pickTestPort } from '../test-port.js';
import { guardAgainstOrphan } from './orphan-guard.js';
import { infoField, queryRedis } from './redis-query.js';

const START_TIMEOUT_MS = 30_000;
/** Time between SIGTERM and SIGKILL: a master may wait for a replica, which no test needs. */
const STOP_TIMEOUT_MS = 1_000;
const PORT_ATTEMPTS = 10;
const PORT_TAKEN = /address already in use|failed listening/i;
const CONFIG_FILE = 'redis.conf';
const LOG_FILE = 'redis.log';

/** What to start; the defaults give an empty server without persistence. */
export interface RedisProcessOptions {
  /** `sentinel` runs `redis-server --sentinel`. @default 'server' */
  readonly mode?: 'server' | 'sentinel';
  /** Fails when it is taken. @default a free one */
  readonly port?: number;
  /** Required from clients and used towards a master; part of `url`. @default none */
  readonly password?: string;
  /** Lines for the configuration file; a Sentinel takes what it watches only from there. */
  readonly config?: readonly string[];
  /** Command line arguments, which win over the file: `['--maxmemory', '10mb']`. */
  readonly extraArgs?: readonly string[];
}

/** The port belongs to somebody else; another port may do. */
export class PortTakenError extends Error {}

/**
 * One real `redis-server` on 127.0.0.1, with a folder of its own.
 *
 * It is known to be ours: the pid that the server reports is compared with the child's, so a test
 * can never freeze, kill or fill a Redis that somebody else runs. It does not outlive this process.
 */
export class RedisProcess {
  readonly port: number;
  /** `redis://[:password@]127.0.0.1:port` */
  readonly url: string;
  readonly #folder: string;
  readonly #options: RedisProcessOptions;
  #child: ChildProcess | undefined;
  #frozen = false;

  private constructor(folder: string, port: number, options: RedisProcessOptions) {
    const credentials = options.password ? `:${encodeURIComponent(options.password)}@` : '';
    this.#folder = folder;
    this.#options = options;
    this.port = port;
    this.url = `redis://${credentials}127.0.0.1:${port}`;
  }

  /**
   * Starts a server and resolves once it answers.
   *
   * @throws Error without `redis-server` on the PATH, or with the end of its log if it stops or is
   * not ready within 30 s
   * @throws PortTakenError when `options.port` is taken, or ten others were
   */
  static async start(options: RedisProcessOptions = {}): Promise<RedisProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? pickTestPort();
      const folder = await mkdtemp(join(tmpdir(), 'backplane-redis-'));
      const candidate = new RedisProcess(folder, port, options);
      try {
        await writeFile(join(folder, CONFIG_FILE), configFile(port, options));
        await candidate.#launch();
        return candidate;
      } catch (error) {
        await candidate.stop();
        const mayRetry = error instanceof PortTakenError && options.port === undefined;
        if (!mayRetry || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  get isRunning(): boolean {
    return this.#child !== undefined && !hasExited(this.#child);
  }

  /** @throws Error when the server is not running */
  get pid(): number {
    return this.#running().pid as number;
  }

  /**
   * Stops it in its tracks: connections stay open, the kernel accepts new ones, nothing answers.
   */
  freeze(): void {
    this.#running().kill('SIGSTOP');
    this.#frozen = true;
  }

  /** Lets it run on. Commands that arrived while it was frozen are executed now. */
  thaw(): void {
    this.#running().kill('SIGCONT');
    this.#frozen = false;
  }

  /** Crashes it (SIGKILL), frozen or not; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#signalAndWait('SIGKILL');
  }

  /**
   * Starts it again on the same port, after a crash if it still runs. The data is gone; a cluster
   * node or a Sentinel remembers the others.
   */
  async restart(): Promise<void> {
    await this.kill();
    // A replica that synchronised leaves one behind even without persistence.
    await rm(join(this.#folder, 'dump.rdb'), { force: true });
    await this.#launch();
  }

  /** Lets this process end although the server runs, which then ends too. */
  unref(): void {
    this.#running().unref();
  }

  /** Ends it and removes its folder. May be called twice, and in any state. */
  async stop(): Promise<void> {
    if (this.#frozen && this.isRunning) this.thaw();
    if (this.isRunning) await this.#signalAndWait('SIGTERM', STOP_TIMEOUT_MS);
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const { mode, extraArgs = [] } = this.#options;
    const sentinel = mode === 'sentinel' ? ['--sentinel'] : [];
    const log = await open(join(this.#folder, LOG_FILE), 'w');
    try {
      const child = spawn('redis-server', [CONFIG_FILE, ...sentinel, ...extraArgs], {
        cwd: this.#folder,
        // A file instead of a pipe: nothing of the child then keeps this process alive.
        stdio: ['ignore', log.fd, log.fd],
      });
      await once(child, 'spawn').catch(rejectMissingServer);
      this.#child = child;
      this.#frozen = false;
      child.once('exit', guardAgainstOrphan(child.pid as number, this.#folder));
      await this.#awaitReady(child);
    } finally {
      await log.close();
    }
  }

  async #awaitReady(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    let lastFailure: unknown;
    while (performance.now() < deadline) {
      if (hasExited(child)) throw await this.#startFailure('stopped at once', lastFailure);
      const answering = await askPid(this.url).catch((error: unknown) => {
        lastFailure = error;
        return undefined;
      });
      if (answering === child.pid) return;
      if (answering !== undefined) {
        throw new PortTakenError(
          `Port ${this.port} answers as process ${answering}, not as our ${child.pid}: another Redis has it`,
        );
      }
      await delay(10);
    }
    throw await this.#startFailure(`was not ready within ${START_TIMEOUT_MS} ms`, lastFailure);
  }

  async #startFailure(what: string, cause: unknown): Promise<Error> {
    const log = await readFile(join(this.#folder, LOG_FILE), 'utf8');
    if (PORT_TAKEN.test(log)) return new PortTakenError(`Port ${this.port} is already in use`);
    const end = log.trim().split('\n').slice(-5).join('\n');
    return new Error(`redis-server on port ${this.port} ${what}; its log ends with:\n${end}`, {
      cause,
    });
  }

  async #signalAndWait(signal: NodeJS.Signals, timeoutMs = START_TIMEOUT_MS): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasExited(child)) return;
    const timer = new AbortController();
    const exited = once(child, 'exit').then(() => timer.abort());
    child.kill(signal);
    // Aborting the timer is the good case; running out is for the caller to notice.
    await Promise.race([exited, delay(timeoutMs, undefined, { signal: timer.signal })]).catch(
      () => undefined,
    );
  }

  #running(): ChildProcess {
    if (this.#child === undefined || hasExited(this.#child)) {
      throw new Error(`redis-server on port ${this.port} is not running`);
    }
    return this.#child;
  }
}

function configFile(port: number, options: RedisProcessOptions): string {
  const server = [
    'save ""',
    'appendonly no',
    'daemonize no',
    // Else a replica's first synchronisation waits five seconds for others to join.
    'repl-diskless-sync-delay 0',
    ...(options.password ? [`masterauth "${options.password}"`] : []),
  ];
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    ...(options.password ? [`requirepass "${options.password}"`] : []),
    ...(options.mode === 'sentinel' ? [] : server),
    ...(options.config ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

async function askPid(url: string): Promise<number> {
  return queryRedis(url, async (client) => {
    await client.ping();
    return Number(infoField(await client.info('server'), 'process_id'));
  });
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function rejectMissingServer(error: unknown): never {
  if (codeOf(error) !== 'ENOENT') throw error;
  throw new Error(
    'redis-server is not on the PATH; run `npm test`, which installs it, or install Redis >= 6.2',
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
