import { ReplyError } from 'ioredis';
import { currentRequest, RedisBudget, runInRequest } from '../../src/common/context/index.js';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import {
  after,
  BOUNDS,
  DEADLINE_MS,
  failureOf,
  fakeTime,
  GateFixture,
  never,
  pass,
  restoreTime,
  turn,
} from './gate-fixture.js';

const askLimit = async (limitMs: number): Promise<number> => limitMs;

describe('a call through the gate', () => {
  let fixture: GateFixture;

  beforeEach(async () => {
    fakeTime();
    fixture = await GateFixture.closed();
  });

  afterEach(() => {
    fixture.gate.stop();
    restoreTime();
  });

  it('is told its deadline, and gives what the command gives', async () => {
    await expect(fixture.gate.run(askLimit, BOUNDS)).resolves.toBe(DEADLINE_MS);
  });

  it('that gets no answer may have run or not', async () => {
    await expect(fixture.timeOut()).resolves.toMatchObject({
      code: 'E_REDIS_UNAVAILABLE',
      reason: 'deadline',
      outcome: 'unknown',
      cause: expect.anything(),
    });
  });

  it.each<[string, object]>([
    ['an error of ioredis', new Error('Connection is closed.')],
    ['an error of Node, which may be of another realm', { name: 'Error', message: 'EPIPE' }],
  ])('that lost its connection by %s may have run or not', async (_what, lost) => {
    await expect(fixture.gate.run(() => rejected(lost), BOUNDS)).rejects.toMatchObject({
      reason: 'connection',
      outcome: 'unknown',
    });
  });

  it.each<[string, unknown]>([
    ['a mistake in the code', new TypeError('x is not a function')],
    ['a wrong argument', new InvalidOptionError('key', 'is empty')],
    ['anything that is no error', 'a text'],
  ])('passes %s on, and takes Redis for well', async (_what, thrown) => {
    const { gate } = fixture;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await expect(failureOf(gate.run(() => rejected(thrown), BOUNDS))).resolves.toBe(thrown);
    }
    expect(gate.state).toBe('closed');
    expect(gate.counters).toEqual({ calls: 5, failures: 0, rejected: 0, inFlight: 0 });
  });

  describe('that the server answers with an error', () => {
    it.each([
      'ERR wrong number of arguments',
      'WRONGTYPE Operation against a key holding the wrong kind of value',
      'ERR Error running script (call to f_1): @user_script:12: WRONGTYPE Operation against a key',
      'EXECABORT Transaction discarded because of previous errors.',
      'READONLYISH no such error',
    ])('passes "%s" on and takes Redis for well', async (message) => {
      const { gate } = fixture;
      const error: unknown = new ReplyError(message);
      await fixture.timeOut();
      await fixture.timeOut();
      await expect(failureOf(gate.run(() => rejected(error), BOUNDS))).resolves.toBe(error);
      await fixture.timeOut();
      expect(gate.state).toBe('closed');
      expect(gate.counters.failures).toBe(3);
    });

    it.each([
      "READONLY You can't write against a read only replica.",
      'LOADING Redis is loading the dataset in memory',
      "OOM command not allowed when used memory > 'maxmemory'.",
      "NOPERM User app has no permissions to run the 'get' command",
      'NOAUTH Authentication required.',
      'WRONGPASS invalid username-password pair or user is disabled.',
      'MASTERDOWN Link with MASTER is down',
      'CLUSTERDOWN Hash slot not served',
      'TRYAGAIN Multiple keys request during rehashing of slot',
      'BUSY Redis is busy running a script.',
      'MISCONF Redis is configured to save RDB snapshots',
      'NOREPLICAS Not enough good replicas to write.',
      // Redis 6.2 reports what a script met inside of its own error.
      "ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed when used memory > 'maxmemory'. ",
      "ERR Error running script (call to f_1): @user_script: 17: READONLY You can't write against a read only replica. ",
      // Redis 7 puts it first.
      "OOM command not allowed when used memory > 'maxmemory'. script: 1f2, on @user_script:3.",
    ])('takes "%s" for a failure', async (message) => {
      const { gate, log } = fixture;
      const error: unknown = new ReplyError(message);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await expect(gate.run(() => rejected(error), BOUNDS)).rejects.toMatchObject({
          reason: 'refused',
          outcome: 'not-executed',
          cause: error,
        });
      }
      expect(log).toEqual(['default degraded: refused']);
    });
  });

  describe('and the budget of its request', () => {
    it('share one time over calls made one after the other', async () => {
      await inRequest(80, async () => {
        await fixture.takes(30);
        await fixture.takes(30);
        await expect(fixture.gate.run(askLimit, BOUNDS)).resolves.toBe(20);
      });
    });

    it('charge calls made in parallel once', async () => {
      const { gate } = fixture;
      await inRequest(80, async () => {
        const limits: number[] = [];
        const slow = async (limitMs: number): Promise<void> => {
          limits.push(limitMs);
          await after(40);
        };
        const calls = [gate.run(slow, BOUNDS), gate.run(slow, BOUNDS), gate.run(slow, BOUNDS)];
        await pass(40);
        await Promise.all(calls);
        expect(limits).toEqual([50, 50, 50]);
        await expect(gate.run(askLimit, BOUNDS)).resolves.toBe(40);
      });
    });

    it('send nothing once it is used up', async () => {
      const { gate } = fixture;
      await inRequest(40, async () => {
        await fixture.takes(40);
        const command = jest.fn(async () => 'PONG');
        await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({
          reason: 'budget',
          outcome: 'not-executed',
        });
        expect(command).not.toHaveBeenCalled();
        expect(gate.counters.rejected).toBe(1);
      });
    });

    it('say nothing about Redis when the call was cut short', async () => {
      for (let request = 0; request < 5; request += 1) {
        await inRequest(100, async () => {
          await elsewhere(90);
          const call = failureOf(fixture.gate.run(never, BOUNDS));
          await pass(10);
          expect(await call).toMatchObject({ reason: 'deadline', outcome: 'unknown' });
        });
      }
      expect(fixture.gate.state).toBe('closed');
      expect(fixture.log).toEqual([]);
    });

    it('have nothing to do with each other for work outside of the budget', async () => {
      const bounds = { ...BOUNDS, outsideBudget: true };
      await inRequest(40, async () => {
        const outside = fixture.gate.run(() => after(30), bounds);
        await pass(30);
        await outside;
        await expect(fixture.gate.run(askLimit, BOUNDS)).resolves.toBe(40);
        await fixture.takes(40);
        await expect(fixture.gate.run(askLimit, bounds)).resolves.toBe(DEADLINE_MS);
      });
    });
  });

  describe('that surveys a lot of data', () => {
    const survey = { ...BOUNDS, isSurvey: true };
    const refused = (): Promise<never> => rejected(new ReplyError('NOPERM no SCAN for you'));

    it('says nothing bad about Redis, whatever it comes to', async () => {
      const { gate, log } = fixture;
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const call = failureOf(gate.run(never, survey));
        await pass(DEADLINE_MS);
        expect(await call).toMatchObject({ reason: 'deadline', outcome: 'unknown' });
        expect(await failureOf(gate.run(refused, survey))).toMatchObject({ reason: 'refused' });
      }
      expect([gate.state, log, gate.counters.failures]).toEqual(['closed', [], 10]);
    });

    it('says nothing good about Redis either', async () => {
      await fixture.timeOut();
      await fixture.timeOut();
      await fixture.gate.run(askLimit, survey);
      await fixture.timeOut();
      expect(fixture.log).toEqual(['default degraded: deadline']);
    });

    it('is not charged to the budget of a request', async () => {
      await inRequest(40, async () => {
        await fixture.takes(40);
        await expect(fixture.gate.run(askLimit, survey)).resolves.toBe(DEADLINE_MS);
      });
    });

    it('fails at once while Redis is away', async () => {
      fixture.gate.linkDown('test');
      const answer = failureOf(fixture.gate.run(askLimit, survey));
      await expect(answer).resolves.toMatchObject({ reason: 'open' });
    });
  });

  describe('among many', () => {
    beforeEach(async () => {
      fixture = await GateFixture.closed({ maxInFlight: 2, failureThreshold: 100 });
    });

    it('fails at once and is not sent where too many are under way', async () => {
      const { gate } = fixture;
      const underWay = [failureOf(gate.run(never, BOUNDS)), failureOf(gate.run(never, BOUNDS))];
      const command = jest.fn(async () => 'PONG');
      await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({
        reason: 'overloaded',
        outcome: 'not-executed',
      });
      expect(command).not.toHaveBeenCalled();
      expect(gate.counters).toEqual({ calls: 2, failures: 0, rejected: 1, inFlight: 2 });
      await pass(DEADLINE_MS);
      await Promise.all(underWay);
      expect(gate.counters.failures).toBe(2);
    });

    it('is under way until the client settles it, also when nobody waits any more', async () => {
      const { gate } = fixture;
      let settle: () => void = () => undefined;
      const call = failureOf(
        gate.run(() => new Promise<void>((resolve) => (settle = resolve)), BOUNDS),
      );
      await pass(DEADLINE_MS);
      expect(await call).toMatchObject({ reason: 'deadline' });
      expect(gate.counters.inFlight).toBe(1);
      settle();
      await turn();
      expect(gate.counters.inFlight).toBe(0);
    });

    it('makes room whether it succeeds, fails or is not even sent', async () => {
      const { gate } = fixture;
      const throwing = (): never => {
        throw new TypeError('a wrong argument');
      };
      for (let round = 0; round < 5; round += 1) {
        await gate.run(async () => 'PONG', BOUNDS);
        await failureOf(gate.run(() => rejected(new ReplyError('ERR no')), BOUNDS));
        await failureOf(gate.run(throwing, BOUNDS));
      }
      expect(gate.counters).toMatchObject({ failures: 0, rejected: 0, inFlight: 0 });
    });
  });
});

/** Spends that much of the budget on another connection. */
async function elsewhere(ms: number): Promise<void> {
  const budget = currentRequest()?.redisBudget;
  budget?.start();
  await pass(ms);
  budget?.stop();
}

function rejected(reason: unknown): Promise<never> {
  return Promise.resolve().then(() => {
    throw reason;
  });
}

async function inRequest(budgetMs: number, work: () => Promise<void>): Promise<void> {
  const redisBudget = new RedisBudget(budgetMs);
  await runInRequest({ requestId: 'test', redisBudget }, work);
}
