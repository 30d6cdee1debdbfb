import { existsSync } from 'node:fs';
import promises, {
  access,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as bull from 'bullmq';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { DataDirLock } from '../../../src/modules/queue/drivers/data-dir-lock.js';
import { PostgresBullBackend } from '../../../src/modules/queue/drivers/postgres-bull-backend.js';
import {
  JobProcessor,
  OnJob,
  QueueDriver,
  QueueModule,
  QueueService,
} from '../../../src/modules/queue/index.js';
import { eventually } from '../../support/eventually.js';
import { FAST, startContext } from './queue-app.js';

const seen: unknown[] = [];

@JobProcessor('emails')
class EmailProcessor {
  @OnJob('send')
  async send(payload: unknown): Promise<void> {
    seen.push(payload);
  }
}

describe('queues without Redis and without a database', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'backplane-queue-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('start with the first job, again after they could not, and keep jobs over a restart', async () => {
    const dataDir = join(folder, 'data', 'queue');
    const imports = [QueueModule.forRoot({ ...FAST, dataDir, queues: ['later'] })];
    const first = await startContext({ imports, providers: [EmailProcessor] });
    const status = first.get(ServiceRegistry).list();
    expect(status.map(({ service, backing }) => [service, backing()])).toEqual([
      ['queue', 'database'],
    ]);
    expect(existsSync(dataDir)).toBe(false);
    expect(first.get<QueueDriver>(QueueDriver).isStarted).toBe(false);
    const queues = first.get(QueueService);
    await blockedBy(join(dataDir, 'pgdata'), async () => {
      const error: unknown = await queues.enqueue('emails', 'send', 1).catch((e: unknown) => e);
      expect(error).toMatchObject({ errno: expect.any(Number) });
      expect(await readdir(dataDir)).toEqual(['pgdata']);
    });
    await queues.enqueue('emails', 'send', 1);
    await eventually(() => seen.length === 1, { timeoutMs: 60_000 });
    await queues.enqueue('later', 'send', 2, { delay: '1h', jobId: 'kept' });
    await first.close();
    expect(existsSync(`${dataDir}/lock.1`)).toBe(false);
    const second = await startContext({ imports });
    await expect(second.get(QueueService).job('later', 'kept')).resolves.toMatchObject({
      state: 'delayed',
      payload: 2,
    });
    await second.close();
  }, 120_000);

  /** Runs `work` while a file is where a folder should be. */
  async function blockedBy(file: string, work: () => Promise<void>): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'a file where a folder should be');
    await work();
    await rm(file);
  }

  const refused = { code: 'E_INVALID_OPTION', option: 'queue.dataDir' };

  async function startOf(pid: number): Promise<string> {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  }

  it('refuse a folder that a living process uses, and take over that of a dead one', async () => {
    const dataDir = join(folder, 'shared');
    const lock = new DataDirLock(dataDir);
    await lock.acquire();
    await expect(new DataDirLock(dataDir).acquire()).rejects.toMatchObject(refused);
    const own = await startOf(process.pid);
    const mark = await readFile(`${dataDir}/lock.1`, 'utf8');
    expect(mark).toBe(`${process.pid} ${own} ${hostname()}`);
    await lock.release();
    await lock.release();
    await writeFile(
      `${dataDir}/lock.4`,
      `${process.ppid} ${await startOf(process.ppid)} ${hostname()}`,
    );
    await expect(lock.acquire()).rejects.toMatchObject(refused);
    for (const [pid, start] of [
      [999_999_999, '1'],
      [process.ppid, '1'],
      [process.pid, '1'],
    ]) {
      await writeFile(`${dataDir}/lock.4`, `${pid} ${start} ${hostname()}`);
      await lock.acquire();
      expect(existsSync(`${dataDir}/lock.4`)).toBe(false);
      await lock.release();
    }
    expect(await readdir(dataDir)).toEqual([]);
  });

  it.each(['1 1 another-host', '', 'damaged'])(
    'refuse a folder whose owner may live elsewhere, saying what to do: %j',
    async (mark) => {
      const dataDir = join(folder, 'elsewhere');
      await mkdir(dataDir, { recursive: true });
      await writeFile(`${dataDir}/lock.1`, mark);
      const error: unknown = await new DataDirLock(dataDir).acquire().catch((e: unknown) => e);
      expect(error).toMatchObject(refused);
      expect(String(error)).toContain(`delete the file ${dataDir}/lock.1`);
      await rm(`${dataDir}/lock.1`);
      const lock = new DataDirLock(dataDir);
      await lock.acquire();
      await lock.release();
    },
  );

  it('leave the mark of a living owner alone, whatever dead ones lie beside it', async () => {
    const dataDir = join(folder, 'raced');
    await mkdir(dataDir);
    const dead = `999999999 1 ${hostname()}`;
    await writeFile(`${dataDir}/lock.1`, dead);
    await writeFile(`${dataDir}/lock.3`, dead);
    await writeFile(
      `${dataDir}/lock.2`,
      `${process.ppid} ${await startOf(process.ppid)} ${hostname()}`,
    );
    await expect(new DataDirLock(dataDir).acquire()).rejects.toMatchObject(refused);
    expect((await readdir(dataDir)).toSorted()).toEqual(['lock.1', 'lock.2', 'lock.3']);
  });

  it('take over a mark of our own number where nothing tells when a process started', async () => {
    const dataDir = join(folder, 'without-proc');
    await mkdir(dataDir);
    const read = promises.readFile;
    const spied = jest.spyOn(promises, 'readFile').mockImplementation((file, options) => {
      const isProc = String(file).startsWith('/proc/');
      return isProc ? Promise.reject(new Error('no such file')) : read(file, options);
    });
    const [lock, other] = [new DataDirLock(dataDir), new DataDirLock(dataDir)];
    try {
      // A container that is started again gives its process the same number.
      await writeFile(`${dataDir}/lock.1`, `${process.pid}  ${hostname()}`);
      await lock.acquire();
      expect(await readdir(dataDir)).toEqual(['lock.2']);
      await expect(other.acquire()).rejects.toMatchObject(refused);
      await lock.release();
      // Somebody else of whom no more is known may live.
      await writeFile(`${dataDir}/lock.1`, `${process.ppid}  ${hostname()}`);
      await expect(lock.acquire()).rejects.toMatchObject(refused);
    } finally {
      spied.mockRestore();
    }
  });

  it('stay marked when somebody gives up what he never got', async () => {
    const dataDir = join(folder, 'kept');
    const [holder, other, third] = [1, 2, 3].map(() => new DataDirLock(dataDir));
    await holder?.acquire();
    await other?.release();
    await expect(other?.acquire()).rejects.toMatchObject(refused);
    await other?.release();
    await expect(third?.acquire()).rejects.toMatchObject(refused);
    await holder?.release();
    await third?.acquire();
    await third?.release();
  });
});

describe('a database that is slow', () => {
  const DEADLINE_MS = 30;
  const never = () => new Promise<never>(() => undefined);
  const down = (outcome: string) => ({ code: 'E_QUEUE_BACKEND_DOWN', outcome });
  let backend: PostgresBullBackend;

  beforeEach(() => {
    const database = {
      // Never asked: the operations below stand for its answers.
      pool: { query: never } as never,
      isStarted: true,
      awake: Promise.resolve(),
      start: async () => undefined,
      close: async () => undefined,
    };
    backend = new PostgresBullBackend(bull, database, DEADLINE_MS);
  });

  afterEach(() => backend.close());

  it('counts as away when it misses the deadline of an operation, and is asked no more', async () => {
    await expect(backend.run(never)).rejects.toMatchObject(down('unknown'));
    expect([backend.isUp, backend.backing]).toEqual([false, 'none']);
    const operation = jest.fn(never);
    await expect(backend.run(operation)).rejects.toMatchObject(down('not-executed'));
    expect(operation).not.toHaveBeenCalled();
  });

  it('stays up when it misses the deadline of a survey, whose size may be why', async () => {
    const survey = backend.run(never, { isSurvey: true });
    await expect(survey).rejects.toMatchObject(down('unknown'));
    expect([backend.isUp, backend.backing]).toEqual([true, 'database']);
    await expect(backend.run(async () => 'answer')).resolves.toBe('answer');
  });

  it('has answered in time where the answer waits for an event loop that was blocked', async () => {
    const operation = async (): Promise<string> => {
      queueMicrotask(() => blockTheEventLoop(10 * DEADLINE_MS));
      await access(__filename);
      return 'answer';
    };
    // From here on timers come before answers.
    await new Promise((resolve) => setImmediate(resolve));
    await expect(backend.run(operation)).resolves.toBe('answer');
    expect(backend.isUp).toBe(true);
  });
});

function blockTheEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
