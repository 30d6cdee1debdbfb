import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onCore } from './pinning.mjs';

const PORT_ATTEMPTS = 10;
const START_TIMEOUT_MS = 5_000;

/** A `redis-server` of our own on 127.0.0.1, without persistence, and a client to ask it things. */
export class RedisServer {
  #folder;
  #child;
  #client;

  constructor({ folder, port, child }) {
    this.#folder = folder;
    this.#child = child;
    this.url = `redis://127.0.0.1:${port}`;
    this.#client = new Redis(this.url, { retryStrategy: () => 50 });
    // Not listening yet; whether it ever does is found out by asking.
    this.#client.on('error', () => undefined);
  }

  /** @throws Error when no server answers as the process that was started */
  static async start(core) {
    for (let attempt = 1; ; attempt += 1) {
      const server = await RedisServer.#spawn(core);
      try {
        await server.#prove();
        return server;
      } catch (error) {
        await server.stop();
        if (attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  static async #spawn(core) {
    const folder = await mkdtemp(join(tmpdir(), 'backplane-bench-'));
    const port = randomInt(10_000, 20_000);
    const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const [program, ...rest] = onCore(core, ['redis-server', ...args]);
    const child = spawn(program, rest, { stdio: 'ignore' });
    await once(child, 'spawn');
    return new RedisServer({ folder, port, child });
  }

  /** Such as `7.0.15`. */
  async version() {
    return field(await this.#client.info('server'), 'redis_version');
  }

  /** For one contender of a group; the harness needs none. */
  databaseUrl(index) {
    return `${this.url}/${index}`;
  }

  /** All databases are empty, and commands are counted from zero. */
  async reset() {
    await this.#client.flushall();
    await this.#client.config('RESETSTAT');
  }

  /** Calls and microseconds of each command since `reset`, without those of this harness. */
  async commands() {
    const info = await this.#client.info('commandstats');
    const commands = {};
    for (const [, name, calls, micros] of info.matchAll(
      /^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm,
    )) {
      commands[name] = { calls: Number(calls), micros: Number(micros) };
    }
    for (const own of ['info', 'config|resetstat', 'flushall']) delete commands[own];
    return commands;
  }

  /** Processor time used so far. */
  async cpuMicros() {
    const info = await this.#client.info('cpu');
    return (Number(field(info, 'used_cpu_user')) + Number(field(info, 'used_cpu_sys'))) * 1e6;
  }

  async stop() {
    this.#client.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** taskset replaces itself by the server, so the child's pid has to be the one that answers. */
  async #prove() {
    const info = await Promise.race([this.#client.info('server'), delay(START_TIMEOUT_MS, '')]);
    const pid = Number(field(info, 'process_id'));
    if (pid !== this.#child.pid) throw new Error('redis-server: another process has the port');
  }
}

function field(info, name) {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}
