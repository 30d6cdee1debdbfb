import 'reflect-metadata';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisModule } from '../../src/common/redis/index.js';
import { fencedWrite, LockModule, LockService } from '../../src/modules/lock/index.js';
import { obey, openApplication, tell } from './worker.js';

/** What a worker process is started with. */
export interface LockWorkerOptions {
  /** Where the locks are. */
  readonly url: string;
  readonly prefix: string;
  /** Another server, on which is written under the locks. */
  readonly storeUrl: string;
}

/** What a worker process can be told to do; each resolves in the process that asked. */
export interface LockWorkerCalls {
  /** Enters and leaves critical sections, and notes it in the store. Resolves to how many. */
  sections(of: { readonly keys: readonly string[]; readonly operations: number }): Promise<number>;
  /** The same with permits of one key: one of them, or now and then all. */
  permits(of: {
    readonly key: string;
    readonly of: number;
    readonly operations: number;
  }): Promise<number>;
  /** Takes a lock, says so, and lets nothing run until it was stopped: what it finds then. */
  sleepThrough(of: Held): Promise<Slept>;
  /** Takes a lock, says so, and keeps it. */
  keep(of: Held): Promise<never>;
  /** Writes to the register of a key with a fence of whenever. */
  register(of: { readonly key: string; readonly fence: number }): Promise<string>;
  /** Waits for a lock, writes to the register of its key, and gives it back. */
  write(of: Held): Promise<string>;
  /** Does that again and again; rejects with what cannot be put down to a fault of Redis. */
  writeOn(of: Held): Promise<never>;
}

export interface Held {
  readonly key: string;
  readonly ttlMs: number;
}

interface Slept {
  readonly isHeld: boolean;
  readonly aborted: boolean;
  readonly fence: number;
}

const WAIT = '60s';
const PATIENT = { ttl: '30s', wait: WAIT } as const;
/** Of claims of permits. */
const ALL_SHARE = 0.2;
/** Of one look at the time, by a process that does nothing else. */
const NAP_MS = 10;
/** What may come to a holder, or to somebody who waits, while processes and connections die. */
const EXPECTED = ['E_LOCK_BACKEND_DOWN', 'E_LOCK_LOST', 'E_LOCK_WAIT_TIMEOUT'];

function callsOf(locks: LockService, store: Redis): LockWorkerCalls {
  const register = ({ key, fence }: { readonly key: string; readonly fence: number }) =>
    fencedWrite(store, {
      guard: `${key}:guard`,
      fence,
      keys: [`${key}:register`],
      commands: [['RPUSH', `${key}:register`, fence]],
    });
  const acquire = ({ key, ttlMs }: Held) => locks.acquire(key, { ttl: ttlMs, wait: WAIT });
  return {
    async sections({ keys, operations }) {
      for (let done = 0; done < operations; done += 1) {
        const key = keys[Math.floor(Math.random() * keys.length)] ?? '';
        const { fence, release } = await entered(key);
        await store.rpush(`${key}:history`, `leave ${fence}`);
        await release();
      }
      return operations;
    },
    async permits({ key, of, operations }) {
      for (let done = 0; done < operations; done += 1) {
        const take = Math.random() < ALL_SHARE ? of : 1;
        await using lock = await locks.acquire(key, { ...PATIENT, permits: { take, of } });
        await store.rpush(`${key}:history`, `enter ${take} ${lock.fence}`);
        await store.rpush(`${key}:history`, `leave ${take} ${lock.fence}`);
      }
      return operations;
    },
    async sleepThrough(of) {
      const lock = await acquire(of);
      const { signal, fence } = lock;
      const since = performance.now();
      void tell({ news: 'holding' });
      sleepUntilStopped(since, of.ttlMs / 2);
      return { isHeld: lock.isHeld, aborted: signal.aborted, fence };
    },
    async keep(of) {
      await acquire(of);
      await tell({ news: 'holding' });
      return new Promise<never>(() => undefined);
    },
    async writeOn(of) {
      for (;;) {
        try {
          await write(of);
        } catch (error) {
          if (!EXPECTED.includes(String(Reflect.get(Object(error), 'code')))) throw error;
          await delay(NAP_MS);
        }
      }
    },
    register,
    write,
  };

  async function write(of: Held): Promise<string> {
    const lock = await acquire(of);
    const answer = await register({ key: of.key, fence: lock.fence });
    await lock.release();
    return answer;
  }

  async function entered(key: string) {
    const lock = await locks.acquire(key, PATIENT);
    await store.rpush(`${key}:history`, `enter ${lock.fence}`);
    return { fence: lock.fence, release: () => lock.release() };
  }
}

/**
 * Lets nothing else run, timers neither, until the process was stopped for `ms`: what runs then has
 * to find out for itself.
 */
function sleepUntilStopped(since: number, ms: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let before = since; ;) {
    Atomics.wait(never, 0, 0, NAP_MS);
    const now = performance.now();
    if (now - before > ms) return;
    before = now;
  }
}

async function serve({ url, prefix, storeUrl }: LockWorkerOptions): Promise<void> {
  const app = await openApplication([
    RedisModule.forRoot({ connections: { default: { url } }, prefix, bootTimeout: '20s' }),
    LockModule.forRoot({ deadline: '2s' }),
  ]);
  await obey(callsOf(app.get(LockService), new Redis(storeUrl)));
}

await serve(JSON.parse(process.argv[2] ?? '{}') as LockWorkerOptions);
