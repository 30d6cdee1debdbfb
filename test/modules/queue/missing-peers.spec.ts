import {
  JobProcessor,
  OnJob,
  QueueModule,
  QueueService,
} from '../../../src/modules/queue/index.js';
import { startContext } from './queue-app.js';

jest.mock('bullmq', () => {
  throw Object.assign(new Error("Cannot find module 'bullmq'"), { code: 'MODULE_NOT_FOUND' });
});

@JobProcessor('emails')
class EmailProcessor {
  @OnJob('send')
  async send(): Promise<void> {}
}

const MISSING = { code: 'E_MISSING_PEER', packageName: 'bullmq' };

describe('queues without the package bullmq', () => {
  it('do not disturb an application that uses none', async () => {
    const app = await startContext({ imports: [QueueModule.forRoot()] });
    await expect(app.get(QueueService).overview()).resolves.toEqual({});
    await app.close();
  });

  it('tell the caller of the first use what to install', async () => {
    const app = await startContext({ imports: [QueueModule.forRoot({ queues: ['emails'] })] });
    await expect(app.get(QueueService).enqueue('emails', 'send', {})).rejects.toMatchObject(
      MISSING,
    );
    await app.close();
  });

  it('stop the boot of an application that processes or registers queues', async () => {
    const processing = { imports: [QueueModule.forRoot()], providers: [EmailProcessor] };
    await expect(startContext(processing)).rejects.toMatchObject(MISSING);
    const registering = { imports: [QueueModule.forRoot(), QueueModule.registerQueue('emails')] };
    await expect(startContext(registering)).rejects.toMatchObject(MISSING);
  });
});
