import { ReplyError } from 'ioredis';
import { Test } from '@nestjs/testing';
import { RedisBudget, runInRequest } from '../../src/common/context/index.js';
import { FailoverDriver, RedisModule } from '../../src/common/redis/index.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { eventually } from '../support/eventually.js';
import { useStarted } from '../support/redis/shared-redis.js';
import {
  BOUNDS,
  failureOf,
  fakeTime,
  GateFixture,
  never,
  pass,
  PROBE_INTERVAL_MS,
  restoreTime,
  turn,
} from './gate-fixture.js';
import { RedisFixture } from './redis-fixture.js';

describe('the gate', () => {
  let fixture: GateFixture;
  beforeEach(async () => {
    fakeTime();
    fixture = await GateFixture.closed();
  });
  afterEach(() => {
    fixture.gate.stop();
    restoreTime();
  });

  const inRequest = (ms: number, work: () => Promise<void>) =>
    runInRequest({ requestId: 'r', redisBudget: new RedisBudget(ms) }, work);

  it('a command that throws before it returns a promise does not stay in flight', async () => {
    const { gate } = fixture;
    const command = (): Promise<never> => {
      throw new TypeError('a bug');
    };
    await failureOf(gate.run(command, BOUNDS));
    expect(gate.counters.inFlight).toBe(0);
  });

  it('refusals count also where the rest of the budget was the deadline', async () => {
    const { gate } = fixture;
    const error: unknown = new ReplyError('READONLY no');
    for (let i = 0; i < 3; i += 1) {
      await inRequest(
        30,
        async () => void (await failureOf(gate.run(() => Promise.reject(error as Error), BOUNDS))),
      );
    }
    expect(gate.state).toBe('open');
  });

  it('a frozen Redis opens the breaker also where the whole budget is below the deadline', async () => {
    const { gate } = fixture;
    for (let i = 0; i < 10; i += 1) {
      await inRequest(30, async () => {
        const call = failureOf(gate.run(never, BOUNDS));
        await pass(30);
        await call;
      });
    }
    expect(gate.state).toBe('open');
  });

  it('a bug in a replay does not end the process, and is not for ever', async () => {
    const warning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    let isEmpty = false;
    const driver = { read: async () => 'x' };
    const replay = jest
      .fn()
      .mockRejectedValueOnce(new TypeError('a bug'))
      .mockImplementation(async () => {
        isEmpty = true;
      });
    const failover = new FailoverDriver({
      primary: driver,
      fallback: driver,
      gate: fixture.gate,
      journal: {
        record: () => undefined,
        covers: () => true,
        sequence: 0,
        isOutdated: () => false,
        get isEmpty() {
          return isEmpty;
        },
        replay,
      },
    });
    fixture.gate.linkDown('x');
    await pass(PROBE_INTERVAL_MS);
    await turn();
    await pass(1000);
    expect(failover.active).toBe('primary');
    expect(warning).toHaveBeenCalledTimes(1);
    warning.mockRestore();
  });
});

it('options without `connections` are refused, not ignored', async () => {
  const wrong = { connection: { default: { url: 'redis://a' } } } as never;
  await expect(
    Test.createTestingModule({ imports: [RedisModule.forRoot(wrong)] }).compile(),
  ).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
});

it('something that is no client is refused, naming the option', () => {
  expect(() => new RedisFixture({ default: { client: {} as never } }).connection).toThrow(
    expect.objectContaining({ code: 'E_INVALID_OPTION' }) as Error,
  );
});

describe('a connection', () => {
  const redis = useStarted(() => startStandalone());
  it('a role asked for after the boot is connected', async () => {
    const fixture = new RedisFixture({ default: { url: redis().url } });
    const connection = await fixture.connect();
    fixture.redis.use('default', ['probe']);
    await eventually(() => connection.inspect((client) => client.ping(), 500)).finally(() =>
      fixture.close(),
    );
  });
});
