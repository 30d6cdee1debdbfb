import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { DataDirLock } from '../../../src/modules/queue/drivers/data-dir-lock.js';
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

  it('start with the first job, and keep jobs over a restart', async () => {
    const dataDir = join(folder, 'data', 'queue');
    const imports = [QueueModule.forRoot({ ...FAST, dataDir, queues: ['later'] })];
    const first = await startContext({ imports, providers: [EmailProcessor] });
    const status = first.get(ServiceRegistry).list();
    expect(status.map(({ service, backing }) => [service, backing()])).toEqual([
      ['queue', 'database'],
    ]);
    expect(existsSync(dataDir)).toBe(false);
    expect(first.get<QueueDriver>(QueueDriver).isStarted).toBe(false);
    await first.get(QueueService).enqueue('emails', 'send', 1);
    await eventually(() => seen.length === 1, { timeoutMs: 60_000 });
    await first.get(QueueService).enqueue('later', 'send', 2, { delay: '1h', jobId: 'kept' });
    await first.close();
    expect(existsSync(`${dataDir}.lock.1`)).toBe(false);
    const second = await startContext({ imports });
    await expect(second.get(QueueService).job('later', 'kept')).resolves.toMatchObject({
      state: 'delayed',
      payload: 2,
    });
    await second.close();
  }, 120_000);

  const refused = { code: 'E_INVALID_OPTION', option: 'queue.dataDir' };

  async function startOf(pid: number): Promise<string> {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  }

  it('refuse a folder that a living process uses, and take over that of a dead one', async () => {
    const dataDir = join(folder, 'shared');
    const lock = new DataDirLock(dataDir);
    await lock.acquire();
    await expect(new DataDirLock(dataDir).acquire()).rejects.toMatchObject(refused);
    const own = await startOf(process.pid);
    const mark = await readFile(`${dataDir}.lock.1`, 'utf8');
    expect(mark).toBe(`${process.pid} ${own} ${hostname()}`);
    await lock.release();
    await lock.release();
    await writeFile(
      `${dataDir}.lock.4`,
      `${process.ppid} ${await startOf(process.ppid)} ${hostname()}`,
    );
    await expect(lock.acquire()).rejects.toMatchObject(refused);
    for (const [pid, start] of [
      [999_999_999, '1'],
      [process.ppid, '1'],
      [process.pid, '1'],
    ]) {
      await writeFile(`${dataDir}.lock.4`, `${pid} ${start} ${hostname()}`);
      await lock.acquire();
      expect(existsSync(`${dataDir}.lock.4`)).toBe(false);
      await lock.release();
    }
    expect((await readdir(folder)).filter((name) => name.includes('.lock.'))).toEqual([]);
  });

  it.each(['1 1 another-host', '', 'damaged'])(
    'refuse a folder whose owner may live elsewhere, saying what to do: %j',
    async (mark) => {
      const dataDir = join(folder, 'elsewhere');
      await writeFile(`${dataDir}.lock.1`, mark);
      const error: unknown = await new DataDirLock(dataDir).acquire().catch((e: unknown) => e);
      expect(error).toMatchObject(refused);
      expect(String(error)).toContain(`delete the file ${dataDir}.lock.1`);
      await rm(`${dataDir}.lock.1`);
      const lock = new DataDirLock(dataDir);
      await lock.acquire();
      await lock.release();
    },
  );

  it('leave the mark of a living owner alone, whatever dead ones lie beside it', async () => {
    const dataDir = join(folder, 'raced');
    const dead = `999999999 1 ${hostname()}`;
    await writeFile(`${dataDir}.lock.1`, dead);
    await writeFile(`${dataDir}.lock.3`, dead);
    await writeFile(
      `${dataDir}.lock.2`,
      `${process.ppid} ${await startOf(process.ppid)} ${hostname()}`,
    );
    await expect(new DataDirLock(dataDir).acquire()).rejects.toMatchObject(refused);
    const left = (await readdir(folder)).filter((name) => name.startsWith('raced.lock.'));
    expect(left.toSorted()).toEqual(['raced.lock.1', 'raced.lock.2', 'raced.lock.3']);
  });
});
