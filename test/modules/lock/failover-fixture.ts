import { EventStream } from '../../../src/common/events/index.js';
import { RedisGate } from '../../../src/common/redis/gate.js';
import type { FailoverDriver } from '../../../src/common/redis/index.js';
import { acquireOneByOne } from '../../../src/modules/lock/drivers/acquire-one-by-one.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import type { LockClaim, LockDriver, LockRef, WhichHold } from '../../../src/modules/lock/index.js';
import { lockFailover } from '../../../src/modules/lock/drivers/lock-failover.js';
import { resolveLockOptions } from '../../../src/modules/lock/lock.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { harnessOn, type LockHarness } from './lock-harness.js';

export const HOUR = 3_600_000;

/** Somebody else, in another process. */
export function claimOf(token: string): LockClaim {
  return { key: 'job', token, ttlMs: HOUR, owner: token };
}

/** A Redis in a box: it keeps what it was told, also while it cannot be reached. */
export class FakeRedis implements LockDriver {
  readonly kept: MemoryLockDriver;
  readonly calls: string[] = [];
  /** Runs before and after every call; throws what the caller is to get. */
  before: (call: string) => void | Promise<void> = () => undefined;
  after: (call: string) => void | Promise<void> = () => undefined;

  constructor(clock: FakeClock) {
    this.kept = new MemoryLockDriver(clock);
  }

  acquire = async (claim: LockClaim) => {
    const answer = await this.#pass(`acquire ${claim.key}`, () => this.kept.acquire(claim));
    if (answer.outcome === 'busy') return answer;
    return { ...answer, grant: { ...answer.grant, stands: () => true } };
  };
  acquireAll = (claims: readonly LockClaim[]) => acquireOneByOne(this, claims);
  extend = async (ref: LockRef, ttlMs: number) => {
    const answer = await this.#pass(`extend ${ref.key}`, () => this.kept.extend(ref, ttlMs));
    if (answer.outcome === 'lost') return answer;
    return { ...answer, grant: { ...answer.grant, stands: () => true } };
  };
  release = (ref: LockRef) => this.#pass(`release ${ref.key}`, () => this.kept.release(ref));
  forceRelease = (key: string, which?: WhichHold) =>
    this.#pass(`force ${key}`, () => this.kept.forceRelease(key, which));
  list = (limit: number) => this.#pass('list', () => this.kept.list(limit));

  async #pass<T>(call: string, run: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    await this.before(call);
    const answer = await run();
    await this.after(call);
    return answer;
  }
}

/** Locks with a failure policy, on a Redis that comes and goes as a test says. */
export interface FailoverFixture {
  readonly gate: RedisGate;
  readonly redis: FakeRedis;
  readonly clock: FakeClock;
  readonly failover: FailoverDriver<LockDriver>;
  readonly harness: LockHarness;
  readonly goAway: () => void;
  /** Resolves when locks are on Redis again. */
  readonly comeBack: () => Promise<void>;
}

export async function openFailover(onRedisDown: 'closed' | 'memory'): Promise<FailoverFixture> {
  const link = {
    isReady: () => true,
    destroySockets: () => undefined,
    dropStuckSockets: () => undefined,
    probe: async () => undefined,
  };
  // Probes are the tests' own: a long interval keeps the gate from asking by itself.
  const bounds = { failureThreshold: 100, probeIntervalMs: HOUR, maxInFlight: 1_000 };
  const gate = new RedisGate({ connection: 'default', ...bounds }, link, new EventStream());
  const clock = new FakeClock();
  const redis = new FakeRedis(clock);
  const options = resolveLockOptions({ onRedisDown });
  const failover = lockFailover(redis, { ...options, gate, clock });
  const harness = harnessOn(failover.driver, clock);
  const comeBack = async (): Promise<void> => {
    gate.linkUp();
    await eventually(() => failover.active === 'primary');
  };
  await comeBack();
  const goAway = (): void => gate.linkDown('test');
  return { gate, redis, clock, failover, harness, goAway, comeBack };
}
