import { InvalidOptionError } from '../../../common/errors/index.js';
import { type Duration, parseDuration } from '../../../common/time/index.js';

export interface CacheWarmOptions {
  /** What it goes by in the log and for operators; no two may share it. @default class and method */
  readonly name?: string;
  /** Runs it when the application has started. @default true */
  readonly atBoot?: boolean;
  /** Runs it again and again, this long after one another; at most 24 days. @default never */
  readonly every?: Duration;
  /**
   * Longest it may take: its signal is aborted then. Raise it where a complete run takes longer.
   * @default '1h'
   */
  readonly timeout?: Duration;
}

/** What a warm-up is told, and can say of itself. */
export interface CacheWarmContext {
  /** Aborts at the shutdown, when the `timeout` is over, or when another instance may run it. */
  readonly signal: AbortSignal;
  /** For the log, which gets a line for each tenth of `total` at most. */
  readonly progress: (done: number, total: number) => void;
}

/** Options of a warm-up, validated. */
export interface WarmPlan {
  readonly name: string | undefined;
  readonly atBoot: boolean;
  readonly everyMs: number | undefined;
  readonly timeoutMs: number;
}

/** What a timer can wait. */
const LONGEST_MS = 24 * 86_400_000;
const PLAN = Symbol('CACHE_WARM');
const NAMES: readonly string[] = ['name', 'atBoot', 'every', 'timeout'];

/**
 * Fills the cache ahead of need: runs a method of any provider with a `CacheWarmContext` when the
 * application has started, which does not wait for it, and every so often. The method calls what is
 * cached, or `CacheService.set`: there is no other way into the cache for it. Of all instances that
 * share a Redis one runs it, where `LockModule` is there; else each does. An error is logged.
 *
 * @example
 * @CacheWarm({ every: '10m' })
 * async warmProducts({ signal, progress }: CacheWarmContext) {
 *   const ids = await this.products.popularIds();
 *   for (const [done, id] of ids.entries()) {
 *     signal.throwIfAborted();
 *     await this.products.find(id); // @Cached
 *     progress(done + 1, ids.length);
 *   }
 * }
 * @throws InvalidOptionError at load time for a wrong option
 */
export function CacheWarm(options: CacheWarmOptions = {}): MethodDecorator {
  const plan = resolvePlan(options);
  return (_target, _name, descriptor: PropertyDescriptor) => {
    Reflect.defineMetadata(PLAN, plan, descriptor.value as object);
  };
}

/** What the decorator on a method says; `undefined` where there is none. */
export function warmPlanOf(method: object): WarmPlan | undefined {
  return Reflect.getMetadata(PLAN, method) as WarmPlan | undefined;
}

function resolvePlan(options: CacheWarmOptions): WarmPlan {
  const { name, atBoot = true, every, timeout = '1h' } = options;
  const unknown = Object.keys(options).find((option) => !NAMES.includes(option));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`@CacheWarm.${unknown}`, 'is not a known option');
  }
  if (typeof atBoot !== 'boolean') {
    throw new InvalidOptionError('@CacheWarm.atBoot', 'is neither true nor false');
  }
  return {
    name: name === undefined ? undefined : checkedName(name),
    atBoot,
    everyMs: every === undefined ? undefined : timerMs(every, '@CacheWarm.every'),
    timeoutMs: timerMs(timeout, '@CacheWarm.timeout'),
  };
}

function checkedName(name: string): string {
  if (typeof name === 'string' && name !== '' && name.length <= 100) return name;
  throw new InvalidOptionError('@CacheWarm.name', 'must be a text of 1 to 100 characters');
}

function timerMs(value: Duration, option: string): number {
  const ms = parseDuration(value, option);
  if (ms <= LONGEST_MS) return ms;
  throw new InvalidOptionError(option, 'is longer than 24 days');
}
