import { Cluster } from 'ioredis';
import type { EventStream } from '../events/index.js';
import type { Clock } from '../time/index.js';
import { type ClientSettings, createClient, type RedisClient } from './client-factory.js';
import { type RedisScript, scriptInvoker, timeOfRefusal } from './define-script.js';
import type { CallBounds } from './call-bounds.js';
import { RedisGate } from './gate.js';
import { PROBE_KEY } from './key-families.js';
import type { KeySpace } from './key-space.js';
import { PROBE } from './probe.script.js';
import { RedisUnavailableError } from './redis.errors.js';
import type { RedisTarget } from './redis.options.js';
import type { RedisRole } from './roles.js';
import { ServerClock } from './server-clock.js';
import { ClientLink, destroySockets } from './client-link.js';
import { withDeadline } from './deadline.js';
import { unavailableReason } from './failure.js';
import { sendTogether } from './send-together.js';

export interface ConnectionSettings {
  readonly name: string;
  readonly target: RedisTarget;
  readonly app: string;
  readonly connectTimeoutMs: number;
  readonly failureThreshold: number;
  readonly probeIntervalMs: number;
  readonly maxInFlight: number;
}

export type RedisTopology = 'standalone' | 'sentinel' | 'cluster';

/** How a script call is bounded; `clock` lets a test step the time a script sees. */
export interface ScriptCall<Keys, Args> extends CallBounds {
  readonly keys: Keys;
  readonly args: Args;
  readonly clock?: Clock | undefined;
  /** Client it is sent on. @default 'command' */
  readonly role?: 'command' | 'durable';
}

/**
 * One named Redis deployment: a client for each role, and the gate that all request-path calls
 * pass.
 */
export class RedisConnection {
  readonly name: string;
  readonly topology: RedisTopology;
  readonly keys: KeySpace;
  readonly gate: RedisGate;
  readonly #settings: ConnectionSettings;
  readonly #clock = new ServerClock();
  readonly #clients = new Map<RedisRole, RedisClient>();
  readonly #link: ClientLink;
  /** Inspections of a borrowed client that were given up and are still under way. */
  #unanswered = 0;

  constructor(settings: ConnectionSettings, keys: KeySpace, events: EventStream) {
    this.name = settings.name;
    this.topology = topologyOf(settings.target);
    this.keys = keys;
    this.#settings = settings;
    const command = this.client('command');
    this.#link = new ClientLink(command, {
      owned: !this.isBorrowed,
      stuckAfterMs: settings.connectTimeoutMs,
      probe: () => this.#probe(),
    });
    this.gate = new RedisGate({ connection: settings.name, ...settings }, this.#link, events);
    this.#link.report(this.gate);
  }

  /** The application made the client: we use it, and never connect, destroy or close it. */
  get isBorrowed(): boolean {
    return 'client' in this.#settings.target;
  }

  /** The client of a role, made on first use; it does not connect by itself. */
  client(role: RedisRole): RedisClient {
    const existing = this.#clients.get(role);
    if (existing !== undefined) return existing;
    const settings: ClientSettings = { ...this.#settings, role };
    const client = createClient(this.#settings.target, settings);
    client.on('error', (error: unknown) => this.#link.noteError(error));
    this.#clients.set(role, client);
    return client;
  }

  /** Code of the last connection error, such as `ECONNREFUSED`; never a host name. */
  get lastError(): string | undefined {
    return this.#link.lastError;
  }

  /** Runs one plain command through the gate. For writes that would do harm late, use a script. */
  command<T>(run: (client: RedisClient) => Promise<T>, bounds: CallBounds): Promise<T> {
    const client = this.client('command');
    return this.gate.run(() => {
      if (!this.isBorrowed) sendTogether(client);
      return run(client);
    }, bounds);
  }

  /**
   * Runs a script through the gate. A write that the server refuses as late although we still wait
   * only shows that our estimate of its clock was off: it is corrected and sent once more, with
   * what is left of the deadline.
   *
   * @throws RedisUnavailableError
   */
  async script<Keys, Args, Reply>(
    script: RedisScript<Keys, Args, Reply>,
    call: ScriptCall<Keys, Args>,
  ): Promise<Reply> {
    const startedAt = performance.now();
    const first = await this.#runScript(script, call);
    const serverNowMs = timeOfRefusal(first);
    if (serverNowMs === undefined) return script.decode(first);
    const repliedAt = performance.now();
    this.#clock.refine(serverNowMs, repliedAt);
    const deadlineMs = call.deadlineMs - (repliedAt - startedAt);
    const second = deadlineMs > 0 ? await this.#runScript(script, { ...call, deadlineMs }) : first;
    if (timeOfRefusal(second) === undefined) return script.decode(second);
    throw new RedisUnavailableError('refused');
  }

  /**
   * Asks the server something outside all traffic, on the `probe` connection, whatever the gate's
   * state. A connection that does not answer in time is dropped, so that nothing piles up behind
   * it; on a borrowed client nothing more is asked until it answers.
   *
   * @throws RedisUnavailableError or the server's own error
   */
  async inspect<T>(run: (client: RedisClient) => Promise<T>, deadlineMs: number): Promise<T> {
    if (this.#unanswered > 0) throw new RedisUnavailableError('deadline');
    const client = this.client('probe');
    if (!canBeAsked(client)) throw new RedisUnavailableError('connection');
    const work = run(client);
    try {
      return await withDeadline(work, deadlineMs);
    } catch (error) {
      const reason = unavailableReason(error);
      if (reason === 'deadline') this.#giveUp(client, work);
      throw reason === undefined ? error : new RedisUnavailableError(reason, { cause: error });
    }
  }

  /**
   * Connects every client that was asked for; resolves when the gate is closed and they are ready,
   * or after the wait.
   */
  async connect(waitMs: number): Promise<void> {
    const until = performance.now() + waitMs;
    const opened = this.#whenUsable(waitMs);
    const clients = this.isBorrowed ? [] : [...this.#clients.values()];
    const ready = Promise.all(clients.map(connectClient));
    if (this.#link.isReady()) this.gate.linkUp();
    if (!(await opened)) {
      this.gate.startDegraded(this.lastError ?? 'not ready in time');
      return;
    }
    // Those that are not by then go on by themselves.
    await withDeadline(ready, until - performance.now()).catch(() => undefined);
  }

  /** Stops probing and closes the clients that are ours. */
  close(): void {
    this.gate.stop();
    this.#link.stop();
    if (this.isBorrowed) return;
    for (const client of this.#clients.values()) client.disconnect();
  }

  #giveUp(client: RedisClient, work: Promise<unknown>): void {
    if (!this.isBorrowed) {
      destroySockets(client);
      return;
    }
    this.#unanswered += 1;
    const settled = (): void => {
      this.#unanswered -= 1;
    };
    work.then(settled, settled);
  }

  #runScript<Keys, Args, Reply>(
    script: RedisScript<Keys, Args, Reply>,
    call: ScriptCall<Keys, Args>,
  ): Promise<unknown> {
    const client = this.client(call.role ?? 'command');
    const invoke = scriptInvoker(client, script);
    const keys = script.keys(call.keys);
    const now = call.clock === undefined ? '' : call.clock.now();
    const args = script.args(call.args);
    return this.gate.run((limitMs) => {
      if (!this.isBorrowed) sendTogether(client);
      return invoke(keys.length, ...keys, this.#clock.deadline(limitMs), now, ...args);
    }, call);
  }

  /**
   * Asks twice: the first reply may have waited for the script to load, the second tells the time.
   */
  async #probe(): Promise<void> {
    const key = this.keys.key(PROBE_KEY, 'probe');
    const invoke = scriptInvoker(this.client('command'), PROBE);
    const ask = async (): Promise<number> => PROBE.decode(await invoke(1, key, 0, ''));
    this.#clock.synchronise(await ask(), performance.now());
    this.#clock.refine(await ask(), performance.now());
  }

  #whenUsable(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs);
      const stop = this.gate.onRecovered(() => {
        clearTimeout(timer);
        stop();
        resolve(true);
      });
    });
  }
}

function topologyOf(target: RedisTarget): RedisTopology {
  if ('cluster' in target) return 'cluster';
  if ('client' in target) return target.client instanceof Cluster ? 'cluster' : 'standalone';
  return 'sentinels' in target ? 'sentinel' : 'standalone';
}

/** Otherwise a question would be queued, where the client does that, and outlive its deadline. */
function canBeAsked({ status }: RedisClient): boolean {
  return status === 'ready' || status === 'wait';
}

/** Resolves when it is ready, however often it was refused before. */
async function connectClient(client: RedisClient): Promise<void> {
  // Somebody may have used it already.
  if (client.status === 'ready') return;
  const ready = new Promise((resolve) => client.once('ready', resolve));
  // A refused first attempt is reported by the gate; the client goes on trying by itself.
  client.connect().catch(() => undefined);
  await ready;
}
