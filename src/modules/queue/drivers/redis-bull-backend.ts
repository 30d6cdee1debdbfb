import type {
  IQueueBackend,
  QueueBaseOptions,
  RedisConnection as BullRedisConnection,
} from 'bullmq';
import { Cluster, type Redis } from 'ioredis';
import {
  destroySockets,
  type RedisClient,
  type RedisConnection,
  RedisUnavailableError,
} from '../../../common/redis/index.js';
import type { Backing } from '../../../common/status/index.js';
import { QueueBackendDownError } from '../queue.errors.js';
import { QUEUE_DATA } from '../queue.keys.js';
import type {
  BullBackend,
  BullConnection,
  BullFactory,
  BullLibrary,
  RunBounds,
} from './bull-backend.js';
import { errorCode } from './error-code.js';

/**
 * A worker blocks at most so long, in seconds. BullMQ's own 10 would exceed the socket timeout of
 * the role `worker`, which would then take a waiting connection for a dead one.
 */
const LONGEST_BLOCK_S = 5;

/**
 * Queues on Redis, through the gate and the clients of our connection layer.
 *
 * BullMQ's own way to make connections is not used, because it breaks for good when Redis is away
 * at the wrong moment: a client that has not connected yet is told to connect once, and a failure
 * of that or of the version check (INFO, which managed servers refuse) is remembered for ever. Here
 * clients connect by themselves, and no version is asked for: 6.2 is the minimum of the library
 * anyway.
 */
export class RedisBullBackend implements BullBackend {
  readonly isStarted = true;
  readonly awake = Promise.resolve();
  readonly #bull: BullLibrary;
  readonly #connection: RedisConnection;
  readonly #deadlineMs: number;
  readonly #worker: RedisClient;
  readonly #stopWatching: () => void;
  /** One wait for the producer, however many callers share it. */
  #ready: Promise<boolean> | undefined;

  constructor(bull: BullLibrary, connection: RedisConnection, deadlineMs: number) {
    this.#bull = bull;
    this.#connection = connection;
    this.#deadlineMs = deadlineMs;
    this.#worker = connection.isBorrowed
      ? patientCopy(connection.client('worker'))
      : connection.client('worker');
    this.#worker.on('error', ignore);
    this.#stopWatching = this.#dropStaleSockets();
  }

  get backing(): Backing {
    return this.isUp ? 'redis' : 'none';
  }

  get isUp(): boolean {
    return this.#connection.gate.isClosed;
  }

  prefix(queue: string): string {
    return this.#connection.keys.key(QUEUE_DATA, queue);
  }

  readonly newestFirst = [];

  readonly factory: BullFactory = (name, options, needs = {}) => {
    const { role } = options.connection;
    const isBlocking = needs.blocking === true;
    const main = isBlocking
      ? this.#blockingConnection()
      : this.#sharedConnection(role === 'worker' ? this.#worker : this.#producer);
    const blocking = needs.withBlockingConnection ? this.#blockingConnection() : undefined;
    const keys = new this.#bull.QueueKeys(prefixOf(options));
    const backend = new this.#bull.RedisQueueBackend(
      main,
      name,
      keys.getKeys(name),
      (type) => keys.toKey(name, type),
      // It reads the prefix and the name of the worker only; the connection is the one above.
      { ...options, connection: {} },
      blocking,
    );
    Object.defineProperty(backend, 'maximumBlockTimeout', { value: LONGEST_BLOCK_S });
    return backend satisfies IQueueBackend;
  };

  async run<T>(operation: () => Promise<T>, bounds: RunBounds = {}): Promise<T> {
    const { gate } = this.#connection;
    if (gate.isClosed) await this.#producerReady();
    const outcome = await gate
      .run(() => settle(operation()), { ...bounds, deadlineMs: this.#deadlineMs })
      .catch((error: unknown) => {
        if (!(error instanceof RedisUnavailableError)) throw error;
        throw new QueueBackendDownError(error.outcome, undefined, { cause: error });
      });
    if ('refusal' in outcome) throw outcome.refusal;
    return outcome.value;
  }

  /** Closes nothing that is shared; the connection layer closes its clients itself. */
  async close(): Promise<void> {
    this.#stopWatching();
    if (this.#connection.isBorrowed) this.#worker.disconnect();
  }

  get #producer(): RedisClient {
    return this.#connection.client('producer');
  }

  #sharedConnection(client: RedisClient): BullRedisConnection {
    return new this.#bull.RedisConnection(client, {
      shared: true,
      blocking: false,
      skipVersionCheck: true,
      skipWaitingForReady: true,
    });
  }

  /** A client of its own, closed by BullMQ with the worker it is for. */
  #blockingConnection(): BullRedisConnection {
    const connection = new this.#bull.RedisConnection(patientCopy(this.#worker), {
      shared: false,
      blocking: true,
      skipVersionCheck: true,
    });
    // Without a version BullMQ assumes Redis 5 and would round waits for delayed jobs to seconds.
    connection.client.then(() => {
      connection.capabilities = { canDoubleTimeout: true, canBlockFor1Ms: false };
    }, ignore);
    return connection;
  }

  /** The gate speaks for the `command` client; this one may need a moment longer to reconnect. */
  async #producerReady(): Promise<void> {
    const client = this.#producer;
    if (client.status === 'ready') return;
    // Asked for after the boot, when the connection layer had connected what it knew.
    if (client.status === 'wait') client.connect().catch(ignore);
    this.#ready ??= becomesReady(client, this.#deadlineMs).finally(() => (this.#ready = undefined));
    if (await this.#ready) return;
    throw new QueueBackendDownError('not-executed');
  }

  /** What a frozen server has not answered is not to be answered on the same socket later. */
  #dropStaleSockets(): () => void {
    if (this.#connection.isBorrowed) return ignore;
    const command = this.#connection.client('command');
    const drop = (): void => destroySockets(this.#producer);
    command.on('close', drop);
    return () => command.off('close', drop);
  }
}

/** A client that connects at once and never gives up, neither connecting nor waiting. */
function patientCopy(client: RedisClient): RedisClient {
  const copy = client instanceof Cluster ? copyOfCluster(client) : copyOfSingle(client);
  copy.on('error', ignore);
  return copy;
}

const PATIENT = { maxRetriesPerRequest: null, socketTimeout: 8_000 };

function copyOfSingle(client: Redis): Redis {
  return client.duplicate({ ...PATIENT, lazyConnect: false, enableOfflineQueue: true });
}

function copyOfCluster(client: Cluster): Cluster {
  // Left out because it changes the types of replies; see client-factory.ts.
  const { replyMapping: _default, ...redisOptions } = client.options.redisOptions ?? {};
  return client.duplicate(undefined, {
    lazyConnect: false,
    enableOfflineQueue: true,
    redisOptions: { ...redisOptions, ...PATIENT },
  });
}

/** Resolves to whether it happened within the time; leaves no listener behind. */
function becomesReady(client: RedisClient, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isReady: boolean): void => {
      clearTimeout(timer);
      client.off('ready', ready);
      resolve(isReady);
    };
    const ready = (): void => end(true);
    const timer = setTimeout(end, ms, false);
    client.once('ready', ready);
  });
}

function prefixOf(options: QueueBaseOptions<BullConnection>): string {
  const prefix: unknown = Reflect.get(options, 'prefix');
  return String(prefix);
}

type Outcome<T> = { readonly value: T } | { readonly refusal: Error };

/**
 * What BullMQ's scripts refuse (the job is locked, gone, …) is an answer of a healthy Redis. It
 * carries a number as its code; to the gate it would look like a lost connection.
 */
async function settle<T>(operation: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await operation };
  } catch (error) {
    if (typeof errorCode(error) !== 'number') throw error;
    return { refusal: error as Error };
  }
}

/** Errors of connections are reported by the gate; here they only must not end the process. */
function ignore(): void {}
