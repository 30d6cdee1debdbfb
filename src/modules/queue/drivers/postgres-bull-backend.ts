import type { Backing } from '../../../common/status/index.js';
import { BackplaneError } from '../../../common/errors/index.js';
import { QueueBackendDownError } from '../queue.errors.js';
import type { BullBackend, BullFactory, BullLibrary, RunBounds } from './bull-backend.js';
import { settlesWithin } from './bounded.js';
import { errorCode } from './error-code.js';
import type { QueueDatabase } from './queue-database.js';

/** Time between two looks at a database that is away. */
const PROBE_MS = 1_000;

/** Socket errors; and SQLSTATE classes 08 connection, 53 resources, 57 shutdown. */
const AWAY_CODE = /^(E[A-Z]{4,}|(08|53|57)\w{3})$/;
/** What node-postgres says without a code. */
const AWAY_MESSAGE = /^(Connection terminated|timeout exceeded|Client has encountered)/;

/**
 * Queues in PostgreSQL, on a server or embedded; nothing is connected before the first use.
 *
 * BullMQ remembers for ever how its first connection went. Here each operation asks the database to
 * start instead, which is tried again after a failure, and making a queue connects nothing.
 */
export class PostgresBullBackend implements BullBackend {
  readonly factory: BullFactory;
  readonly newestFirst = ['waiting', 'active'];
  readonly #database: QueueDatabase;
  readonly #deadlineMs: number;
  #isUp = true;
  #probe: NodeJS.Timeout | undefined;

  constructor(bull: BullLibrary, database: QueueDatabase, deadlineMs: number) {
    this.#database = database;
    this.#deadlineMs = deadlineMs;
    this.factory = createFactory(bull, database);
  }

  get backing(): Backing {
    return this.#isUp ? 'database' : 'none';
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isStarted(): boolean {
    return this.#database.isStarted;
  }

  get awake(): Promise<void> {
    return this.#database.awake;
  }

  /** Unused by BullMQ here: queues are told apart by a column. */
  prefix(_queue: string): string {
    return 'bp';
  }

  async run<T>(operation: () => Promise<T>, { isSurvey = false }: RunBounds = {}): Promise<T> {
    if (!this.#isUp) throw new QueueBackendDownError('not-executed');
    // Not part of the deadline: the first use of an embedded database takes seconds.
    await this.#translate(this.#database.start(), 'not-executed');
    const work = operation();
    if (!(await settlesWithin(work, this.#deadlineMs))) {
      if (!isSurvey) this.#wentAway();
      throw new QueueBackendDownError('unknown');
    }
    return this.#translate(work, 'unknown');
  }

  async close(): Promise<void> {
    clearTimeout(this.#probe);
    await this.#database.close();
  }

  async #translate<T>(work: Promise<T>, outcome: QueueBackendDownError['outcome']): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof BackplaneError || !isAway(error)) throw error;
      this.#wentAway();
      throw new QueueBackendDownError(outcome, undefined, { cause: error });
    }
  }

  #wentAway(): void {
    this.#isUp = false;
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => void this.#look(), PROBE_MS).unref();
  }

  async #look(): Promise<void> {
    const answer = this.#database.start().then(() => this.#database.pool.query('SELECT 1'));
    const isBack = (await settlesWithin(answer, this.#deadlineMs)) && (await succeeded(answer));
    if (isBack) this.#isUp = true;
    else this.#wentAway();
  }
}

function createFactory(bull: BullLibrary, database: QueueDatabase): BullFactory {
  class StartingConnection extends bull.PostgresConnection {
    override waitUntilReady(): Promise<void> {
      return database.start();
    }
  }
  class QuietBackend extends bull.PostgresQueueBackend {
    // Asked by the constructors of Queue and Worker, which are not a use of the database yet.
    override async waitUntilReady(): Promise<void> {}
  }
  return (name, options) => {
    const connection = new StartingConnection(database.pool);
    return new QuietBackend(connection, name, { ...options, connection: {} });
  };
}

function succeeded(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function isAway(error: unknown): boolean {
  const code = errorCode(error);
  if (typeof code === 'string') return AWAY_CODE.test(code);
  return error instanceof Error && AWAY_MESSAGE.test(error.message);
}
