import { type ExecutionContext, UnauthorizedException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EventStream } from '../../../src/common/events/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import {
  SessionDriver,
  SessionGuard,
  SessionModule,
  SessionService,
} from '../../../src/modules/session/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import { FakeClock } from '../../../src/testing/index.js';

describe('SessionModule', () => {
  it('works by itself, in memory, and says so', async () => {
    const module = await Test.createTestingModule({ imports: [SessionModule.forRoot()] }).compile();
    const sessions = module.get(SessionService);
    const { session, cookieValue } = await sessions.create({ userId: 'ada' });
    await expect(sessions.validate(cookieValue)).resolves.toMatchObject({ id: session.id });
    const [status] = module.get(ServiceRegistry).list();
    expect(status?.service).toBe('session_storage');
    expect([status?.backing(), status?.isServing()]).toEqual(['memory', true]);
    await module.close();
  });

  it('takes its options from elsewhere', async () => {
    const imports = [SessionModule.forRootAsync({ useFactory: async () => ({ ttl: '1h' }) })];
    const module = await Test.createTestingModule({ imports }).compile();
    const { session } = await module.get(SessionService).create({ userId: 'ada' });
    expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(3_600_000);
    await module.close();
  });

  it('stops the boot on a wrong option, naming it', async () => {
    const imports = [SessionModule.forRoot({ ttl: 'long' as never })];
    const boot = Test.createTestingModule({ imports }).compile();
    await expect(boot).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option: 'session.ttl' });
  });

  it('serves from the driver of the application', async () => {
    const own = new MemorySessionDriver({ clock: new FakeClock(), maxSessions: 10 });
    const module = await Test.createTestingModule({ imports: [SessionModule.forRoot()] })
      .overrideProvider(SessionDriver)
      .useValue(own)
      .compile();
    const { session } = await module.get(SessionService).create({ userId: 'ada' });
    await expect(own.get(session.id)).resolves.toBeDefined();
    await module.close();
  });

  it('reports on the event stream of the application', async () => {
    const module = await Test.createTestingModule({ imports: [SessionModule.forRoot()] }).compile();
    const heard: string[] = [];
    module.get(EventStream).on('session.revoked', ({ userId }) => heard.push(userId));
    await module.get(SessionService).destroyAllForUser('ada');
    expect(heard).toEqual(['ada']);
    await module.close();
  });

  it('lets nobody in where there is no HTTP request', async () => {
    const module = await Test.createTestingModule({ imports: [SessionModule.forRoot()] }).compile();
    const context = { getType: () => 'ws' } as Partial<ExecutionContext> as ExecutionContext;
    const entering = module.get(SessionGuard).canActivate(context);
    await expect(entering).rejects.toThrow(UnauthorizedException);
    await module.close();
  });
});
