import { setTimeout as delay } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  Optional,
} from '@nestjs/common';
import { runOutsideRequests } from '../../../common/context/index.js';
import { LockService } from '../../lock/index.js';
import { WarmExplorer, type WarmUp } from './warm-explorer.js';
import type { WarmReport } from './warm-report.js';
import { WarmRun } from './warm-run.js';

/** Longest wait at the shutdown for warm-ups that were told to stop. */
const SHUTDOWN_MS = 5_000;
/** Instances that start within this time of one another are to warm up once. */
const BOOT_TURN_MS = 30_000;
/** A process that dies while it warms up holds the others up for so long. */
const LOCK_TTL_MS = 10_000;

/**
 * Runs what is decorated with `@CacheWarm`: after the boot, which does not wait for it, in
 * intervals, and when asked to. Never the same one twice at a time; of all instances one, where
 * `LockModule` is there. At the shutdown they are told to stop, and waited for, 5 s at most.
 */
@Injectable()
export class CacheWarmer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger('CacheModule');
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<WarmReport>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #warmUps: readonly WarmUp[] = [];

  constructor(
    @Inject(WarmExplorer) private readonly explorer: WarmExplorer,
    @Optional() @Inject(LockService) private readonly locks?: LockService,
  ) {}

  /** What can be run, in no order. */
  get names(): readonly string[] {
    return this.#warmUps.map(({ name }) => name);
  }

  /** @throws InvalidOptionError where two warm-ups have one name */
  onApplicationBootstrap(): void {
    this.#warmUps = this.explorer.find();
    for (const warmUp of this.#warmUps) this.#schedule(warmUp);
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stop.abort(new Error('The application is shutting down.'));
    if (this.#running.size === 0) return;
    const timer = new AbortController();
    const late = delay(SHUTDOWN_MS, 'late', { signal: timer.signal }).catch(() => undefined);
    const outcome = await Promise.race([Promise.all(this.#running.values()), late]);
    timer.abort();
    if (outcome !== 'late') return;
    this.#log.warn(`Still running at the shutdown: ${[...this.#running.keys()].join(', ')}`);
  }

  /**
   * Runs one, or all of them one after the other; whatever their interval says. Never rejects.
   *
   * @param name of one; absent: all
   */
  async run(name?: string): Promise<readonly WarmReport[]> {
    const reports: WarmReport[] = [];
    for (const warmUp of this.#warmUps) {
      if (name === undefined || name === warmUp.name) reports.push(await this.#start(warmUp));
    }
    return reports;
  }

  #schedule(warmUp: WarmUp): void {
    const { atBoot, everyMs } = warmUp;
    if (everyMs !== undefined) {
      const takeTurn = () => void this.#start(warmUp, Math.ceil(everyMs * 0.9));
      this.#timers.push(setInterval(takeTurn, everyMs).unref());
    }
    if (!atBoot) return;
    const turnMs = everyMs === undefined ? BOOT_TURN_MS : Math.ceil(everyMs * 0.9);
    // After the other hooks of the boot, which a method that works hard would hold up.
    setImmediate(() => void this.#start(warmUp, turnMs));
  }

  /** Runs it unless it runs already. @param turnMs only if none has begun in this time */
  async #start(warmUp: WarmUp, turnMs?: number): Promise<WarmReport> {
    const run = new WarmRun(warmUp, this.#log);
    if (this.#stop.signal.aborted || this.#running.has(warmUp.name)) return run.report('running');
    const running = runOutsideRequests(() => this.#runAlone(warmUp, run, turnMs));
    this.#running.set(warmUp.name, running);
    try {
      return await running;
    } finally {
      this.#running.delete(warmUp.name);
    }
  }

  /** Never rejects. */
  async #runAlone(warmUp: WarmUp, run: WarmRun, turnMs?: number): Promise<WarmReport> {
    const { signal } = this.#stop;
    if (this.locks === undefined) return run.run([signal]);
    const { name, timeoutMs } = warmUp;
    const hold = { mode: 'skip', ttl: LOCK_TTL_MS, fence: false } as const;
    const maxHold = Math.max(timeoutMs, LOCK_TTL_MS);
    try {
      if (!(await this.#hasTurn(name, turnMs))) return run.report('running');
      const report = await this.locks.withLock(`cache-warm:${name}`, { ...hold, maxHold }, (lock) =>
        run.run([signal, lock.signal]),
      );
      return report ?? run.report('running');
    } catch (error) {
      return run.failed(error);
    }
  }

  /** Takes the turn of all instances: nobody else gets one in this time. */
  async #hasTurn(name: string, turnMs: number | undefined): Promise<boolean> {
    if (turnMs === undefined || this.locks === undefined) return true;
    const turn = { ttl: turnMs, maxHold: turnMs, holdAtLeast: turnMs, fence: false };
    const options = { mode: 'skip', ...turn } as const;
    return (await this.locks.withLock(`cache-warm-turn:${name}`, options, () => true)) ?? false;
  }
}
