import { currentRequest, RedisBudget, runInRequest } from '../../src/common/context/index.js';
import { FailoverDriver, RedisUnavailableError } from '../../src/common/redis/index.js';
import { FakeNotes, type Notes, WriteJournal } from './failover-notes.js';
import {
  fakeTime,
  GateFixture,
  pass,
  PROBE_INTERVAL_MS,
  restoreTime,
  turn,
} from './gate-fixture.js';
import { Deferred } from '../support/deferred.js';

const REPLAY_RETRY_MS = 100;

/** Runs `work` after so many microtasks. */
async function later(turns: number, work: () => Promise<unknown>): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
  await work();
}

describe('FailoverDriver', () => {
  const unavailable = new RedisUnavailableError('deadline');
  let fixture: GateFixture;
  let primary: FakeNotes;
  let fallback: FakeNotes;
  let refusal: FakeNotes;
  let journal: WriteJournal;
  let afterRecovery: jest.Mock;

  beforeEach(async () => {
    fakeTime();
    fixture = await GateFixture.closed();
    primary = new FakeNotes('primary');
    fallback = new FakeNotes('fallback');
    refusal = new FakeNotes('refusal');
    journal = new WriteJournal();
    afterRecovery = jest.fn();
  });

  afterEach(() => {
    fixture.gate.stop();
    restoreTime();
  });

  describe.each(['without a journal', 'with a journal'])('%s', (kind) => {
    let failover: FailoverDriver<Notes>;

    beforeEach(() => {
      failover = failoverDriver(kind === 'with a journal');
    });

    it('asks the primary while the gate is closed', async () => {
      await failover.driver.write('a', '1');
      await expect(failover.driver.read('a')).resolves.toBe('1');
      expect(failover.active).toBe('primary');
      expect(fallback.calls).toEqual([]);
    });

    it('asks the fallback, and not the primary, while the gate is open', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      await expect(failover.driver.read('a')).resolves.toBe('1');
      expect(failover.active).toBe('fallback');
      expect(primary.calls).toEqual([]);
    });

    it('answers by the fallback the very call that the primary could not answer', async () => {
      fallback.notes.set('a', 'from the fallback');
      primary.failWith = unavailable;
      await expect(failover.driver.read('a')).resolves.toBe('from the fallback');
    });

    it('passes on every other error of the primary, and does not ask the fallback', async () => {
      primary.failWith = new TypeError('a bug');
      await expect(failover.driver.read('a')).rejects.toBe(primary.failWith);
      expect(fallback.calls).toEqual([]);
      expect(failover.active).toBe('primary');
    });

    it('passes on the errors of the fallback, also when they say unavailable', async () => {
      fixture.gate.linkDown('ECONNRESET');
      fallback.failWith = unavailable;
      await expect(failover.driver.read('a')).rejects.toBe(unavailable);
    });

    it('goes back to the primary after a recovery and says so', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await comeBack();
      expect(failover.active).toBe('primary');
      expect(afterRecovery).toHaveBeenCalledTimes(1);
      fixture.gate.linkDown('ECONNRESET');
      await comeBack();
      expect(afterRecovery).toHaveBeenCalledTimes(2);
    });

    it('gives what is not a method as the primary has it, and each method once', () => {
      expect(failover.driver.label).toBe('primary');
      expect(failover.driver.read).toBe(failover.driver.read);
    });
  });

  it('without a journal trusts the primary again right after a call that failed', async () => {
    const failover = failoverDriver(false);
    primary.failWith = unavailable;
    await failover.driver.write('a', '1');
    primary.failWith = undefined;
    await failover.driver.write('b', '2');
    expect(failover.active).toBe('primary');
    expect([...primary.notes.keys()]).toEqual(['b']);
  });

  describe('what the primary missed', () => {
    let failover: FailoverDriver<Notes>;

    beforeEach(() => {
      failover = failoverDriver(true);
    });

    it('is brought to it, in order, before it answers again', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      await failover.driver.write('a', '2');
      await failover.driver.read('a');
      await comeBack();
      expect(primary.calls).toEqual(['write a 1', 'write a 2']);
      await expect(failover.driver.read('a')).resolves.toBe('2');
      expect(journal.isEmpty).toBe(true);
    });

    it('includes calls made while it is brought there; the fallback answers meanwhile', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      journal.whileReplaying = async () => {
        journal.whileReplaying = undefined;
        expect(failover.active).toBe('fallback');
        expect(afterRecovery).not.toHaveBeenCalled();
        await failover.driver.write('a', '2');
      };
      await comeBack();
      expect(primary.calls).toEqual(['write a 1', 'write a 2']);
      expect(fallback.calls).toEqual(['write a 1', 'write a 2']);
      expect(afterRecovery).toHaveBeenCalledTimes(2);
    });

    it('is tried again when bringing it failed and the gate is closed', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      primary.failWith = unavailable;
      await comeBack();
      expect(failover.active).toBe('fallback');
      primary.failWith = undefined;
      await pass(REPLAY_RETRY_MS);
      expect(failover.active).toBe('primary');
      expect(primary.notes.get('a')).toBe('1');
      expect(afterRecovery).toHaveBeenCalledTimes(1);
    });

    it('is not tried again once the gate was stopped', async () => {
      primary.failWith = unavailable;
      await failover.driver.write('a', '1');
      primary.calls.length = 0;
      fixture.gate.stop();
      await pass(REPLAY_RETRY_MS * 10);
      expect(primary.calls).toEqual([]);
    });

    it('is tried less and less often while bringing it fails', async () => {
      primary.failWith = unavailable;
      await failover.driver.write('a', '1');
      primary.calls.length = 0;
      const tries: number[] = [];
      for (const ms of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
        await pass(ms);
        tries.push(primary.calls.length);
      }
      expect(tries).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      primary.failWith = undefined;
      await pass(5_000);
      primary.failWith = unavailable;
      await failover.driver.write('a', '2');
      primary.failWith = undefined;
      await pass(REPLAY_RETRY_MS);
      expect(primary.notes.get('a')).toBe('2');
    });

    it('waits for the next recovery when Redis went away again meanwhile', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      journal.whileReplaying = async () => {
        journal.whileReplaying = undefined;
        fixture.link.ready = false;
        fixture.gate.linkDown('ECONNRESET');
        throw unavailable;
      };
      await comeBack();
      primary.calls.length = 0;
      await pass(REPLAY_RETRY_MS * 10);
      expect(primary.calls).toEqual([]);
      fixture.link.ready = true;
      await comeBack();
      expect(primary.calls).toEqual(['write a 1']);
      expect(failover.active).toBe('primary');
    });

    it.each(Array.from({ length: 12 }, (_, turns) => turns))(
      'is found by whoever comes %i microtasks after it was brought there',
      async (turns) => {
        fixture.gate.linkDown('ECONNRESET');
        await failover.driver.write('a', '1');
        journal.whileReplaying = async () => {
          journal.whileReplaying = undefined;
          void later(turns, () => failover.driver.write('a', '2'));
        };
        await comeBack();
        await pass(REPLAY_RETRY_MS);
        await expect(failover.driver.read('a')).resolves.toBe('2');
        expect([journal.isEmpty, primary.notes.get('a')]).toEqual([true, '2']);
      },
    );

    it('is not written to the fallback over what came later', async () => {
      const answer = new Deferred<void>();
      primary.beforeWrite = () => answer.promise;
      const first = failover.driver.write('a', '1');
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '2');
      answer.reject(unavailable);
      await first;
      expect(refusal.calls).toEqual(['write a 1']);
      await expect(failover.driver.read('a')).resolves.toBe('2');
    });

    it('is superseded by a call that the primary confirms, where the journal knows how', async () => {
      fixture.gate.linkDown('ECONNRESET');
      await failover.driver.write('a', '1');
      journal.supersede = (method) =>
        method === 'write' ? () => journal.writes.splice(0) : undefined;
      journal.whileReplaying = async () => {
        journal.whileReplaying = undefined;
        await failover.driver.write('a', '2');
        expect(journal.isEmpty).toBe(true);
        await expect(failover.driver.read('a')).resolves.toBe('2');
      };
      await comeBack();
      expect(primary.calls).toEqual(['write a 1', 'write a 2', 'read a']);
      expect(fallback.calls).toEqual(['write a 1']);
    });

    it('stays recorded when the call that was to supersede it found no answer', async () => {
      primary.failWith = unavailable;
      await failover.driver.write('a', '1');
      const confirmed = jest.fn();
      journal.supersede = () => confirmed;
      await failover.driver.write('a', '2');
      expect(confirmed).not.toHaveBeenCalled();
      expect(journal.writes).toEqual([
        ['a', '1'],
        ['a', '2'],
      ]);
    });

    it('is all that the fallback answers; the rest stays with the primary', async () => {
      primary.notes.set('b', 'of the primary');
      primary.failWith = unavailable;
      await failover.driver.write('a', '1');
      primary.failWith = undefined;
      await expect(failover.driver.read('b')).resolves.toBe('of the primary');
      await expect(failover.driver.read('a')).resolves.toBe('1');
      expect(fallback.calls).toEqual(['write a 1', 'read a']);
    });

    it('by many calls at once is brought there once', async () => {
      const replay = jest.spyOn(journal, 'replay');
      primary.failWith = unavailable;
      for (const key of ['a', 'b', 'c']) await failover.driver.write(key, '1');
      primary.failWith = undefined;
      await pass(REPLAY_RETRY_MS * 5);
      expect(replay).toHaveBeenCalledTimes(1);
      expect([...primary.notes.keys()]).toEqual(['a', 'b', 'c']);
    });

    it('by one call is enough to distrust it until that is repaired', async () => {
      primary.notes.set('a', 'old');
      primary.failWith = unavailable;
      await failover.driver.write('a', 'new');
      primary.failWith = undefined;
      expect(fixture.gate.isClosed).toBe(true);
      await expect(failover.driver.read('a')).resolves.toBe('new');
      expect(primary.notes.get('a')).toBe('old');
      await pass(REPLAY_RETRY_MS);
      expect(failover.active).toBe('primary');
      expect(primary.notes.get('a')).toBe('new');
    });

    it("is brought there on nobody's budget, whichever request it was missed in", async () => {
      const failover = failoverDriver(true);
      const budgets: unknown[] = [];
      journal.whileReplaying = async () => void budgets.push(currentRequest()?.redisBudget);
      fixture.gate.linkDown('test');
      await failover.driver.write('a', '1');
      // What a request sets off belongs to it, the timers of the gate and of the replay as well.
      await runInRequest({ requestId: 'one', redisBudget: new RedisBudget(0) }, async () => {
        fixture.gate.linkUp();
        await turn();
      });
      expect(budgets).toEqual([undefined]);
      expect(failover.active).toBe('primary');
    });

    it('is nothing when the call that failed was not one to be recorded', async () => {
      primary.failWith = unavailable;
      await failover.driver.read('a');
      expect(failover.active).toBe('primary');
    });
  });

  it('that bridges outages only refuses a single call without an answer, and records it', async () => {
    const told = jest.fn(() => refusal);
    const plan = { primary, fallback, refusal: told, gate: fixture.gate, journal };
    const { driver } = new FailoverDriver<Notes>({ ...plan, bridges: 'outages' });
    primary.failWith = unavailable;
    await driver.write('a', '1');
    expect([fallback.calls, refusal.calls]).toEqual([[], ['write a 1']]);
    expect(told.mock.calls).toEqual([[unavailable]]);
    expect(journal.writes).toEqual([['a', '1']]);
    fixture.gate.linkDown('ECONNRESET');
    await driver.write('a', '2');
    expect(fallback.calls).toEqual(['write a 2']);
  });

  function failoverDriver(hasJournal: boolean): FailoverDriver<Notes> {
    const plan = {
      primary,
      fallback,
      refusal: () => refusal,
      gate: fixture.gate,
      afterRecovery,
    };
    return new FailoverDriver<Notes>(hasJournal ? { ...plan, journal } : plan);
  }

  async function comeBack(): Promise<void> {
    await pass(PROBE_INTERVAL_MS);
    await turn();
  }
});
