import { EventStream } from '../../../src/common/events/index.js';
import { type FailoverDriver, RedisUnavailableError } from '../../../src/common/redis/index.js';
import { RedisGate } from '../../../src/common/redis/gate.js';
import type { CacheDriver, NewEntry } from '../../../src/modules/cache/cache.driver.js';
import { cacheFailover } from '../../../src/modules/cache/cache.driver-provider.js';
import {
  type CacheOptions,
  resolveCacheOptions,
} from '../../../src/modules/cache/cache.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { FakePrimary } from './fake-primary.js';

const NEVER_MS = 3_600_000;

/** The cache on a Redis in a box, behind a gate that only the test opens and closes. */
export class FailoverRig {
  readonly gate: RedisGate;
  readonly primary = new FakePrimary();
  readonly clock = new FakeClock();
  readonly failover: FailoverDriver<CacheDriver>;
  readonly cache: CacheDriver;

  constructor(options: CacheOptions = {}) {
    const link = {
      isReady: () => true,
      destroySockets: () => undefined,
      dropStuckSockets: () => undefined,
      probe: async () => undefined,
    };
    // Probes are the tests' own: a long interval keeps the gate from asking by itself.
    const bounds = { failureThreshold: 100, probeIntervalMs: NEVER_MS, maxInFlight: 1_000 };
    this.gate = new RedisGate({ connection: 'default', ...bounds }, link, new EventStream());
    const { gate, clock } = this;
    const resolved = resolveCacheOptions(options);
    this.failover = cacheFailover(this.primary, { gate, options: resolved, clock });
    this.cache = this.failover.driver;
  }

  goAway(): void {
    this.gate.linkDown('test');
  }

  async comeBack(): Promise<void> {
    this.gate.linkUp();
    await eventually(() => this.failover.active === 'primary');
  }
}

/** An obstacle of the primary. */
export const unavailable = (reason: 'deadline' | 'connection') => () => {
  throw new RedisUnavailableError(reason);
};

export function entryOf(bytes: Buffer, ttlMs: number, ...tags: readonly string[]): NewEntry {
  return { bytes, ttlMs, tags };
}

export async function bytesAt(driver: CacheDriver, key: string): Promise<Buffer | undefined> {
  return (await driver.get(key))?.bytes;
}
