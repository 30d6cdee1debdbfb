import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
    expect(existsSync(`${dataDir}.pid`)).toBe(false);
    const second = await startContext({ imports });
    await expect(second.get(QueueService).job('later', 'kept')).resolves.toMatchObject({
      state: 'delayed',
      payload: 2,
    });
    await second.close();
  }, 120_000);

  it('refuse a folder that a living process uses, and take over that of a dead one', async () => {
    const dataDir = join(folder, 'shared');
    const refused = { code: 'E_INVALID_OPTION', option: 'queue.dataDir' };
    const lock = new DataDirLock(dataDir);
    await lock.acquire();
    await expect(new DataDirLock(dataDir).acquire()).rejects.toMatchObject(refused);
    const [, ownStart = ''] = (await readFile(`${dataDir}.pid`, 'utf8')).split(' ');
    expect(ownStart).toMatch(/^\d+$/);
    await lock.release();
    await lock.release();
    const parent = await readFile(`/proc/${process.ppid}/stat`, 'utf8');
    const start = parent.slice(parent.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    await writeFile(`${dataDir}.pid`, `${process.ppid} ${start}`);
    await expect(lock.acquire()).rejects.toMatchObject(refused);
    for (const mark of ['999999999 1', `${process.ppid} 1`, 'damaged', '']) {
      await writeFile(`${dataDir}.pid`, mark);
      await lock.acquire();
      await lock.release();
    }
    expect(existsSync(`${dataDir}.pid`)).toBe(false);
  });
});
