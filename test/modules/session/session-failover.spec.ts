import { EventStream } from '../../../src/common/events/index.js';
import { type FailoverDriver, RedisUnavailableError } from '../../../src/common/redis/index.js';
import { RedisGate } from '../../../src/common/redis/gate.js';
import type { SessionDriver, SessionOptions } from '../../../src/modules/session/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import { RevocationJournal } from '../../../src/modules/session/drivers/revocation-journal.js';
import { sessionFailover } from '../../../src/modules/session/session.driver-provider.js';
import { resolveSessionOptions } from '../../../src/modules/session/session.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import {
  created,
  credentialOf,
  EAGER,
  HOUR,
  newSession,
} from '../../contracts/session/session-fixture.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { FakePrimary } from './fake-primary.js';

const REFUSAL = { code: 'E_SESSION_BACKEND_DOWN' };
const CONTENT = { ttlMs: HOUR, data: Buffer.from('content') };

describe('sessions while Redis is away', () => {
  let gate: RedisGate;
  let primary: FakePrimary;
  let failover: FailoverDriver<SessionDriver>;
  let sessions: SessionDriver;

  function build(onRedisDown: NonNullable<SessionOptions['onRedisDown']>): void {
    const link = {
      isReady: () => true,
      destroySockets: () => undefined,
      dropStuckSockets: () => undefined,
      probe: async () => undefined,
    };
    // Probes are the tests' own: a long interval keeps the gate from asking by itself.
    const bounds = { failureThreshold: 100, probeIntervalMs: HOUR, maxInFlight: 1_000 };
    gate = new RedisGate({ connection: 'default', ...bounds }, link, new EventStream());
    const clock = new FakeClock();
    primary = new FakePrimary(clock);
    const options = resolveSessionOptions({ onRedisDown });
    failover = sessionFailover(primary.driver, { gate, options, clock });
    sessions = failover.driver;
  }

  const goAway = (): void => gate.linkDown('test');

  async function comeBack(): Promise<void> {
    gate.linkUp();
    await eventually(() => failover.active === 'primary');
  }

  const unavailable = () => {
    throw new RedisUnavailableError('deadline');
  };

  afterEach(() => gate.stop());

  describe('and the policy is closed', () => {
    beforeEach(async () => {
      build('closed');
      await comeBack();
    });

    it('every call is refused, and nothing is asked of Redis', async () => {
      const session = await created(sessions);
      goAway();
      primary.calls.length = 0;
      const calls = [
        () => sessions.create(newSession()),
        () => sessions.put('chosen', CONTENT),
        () => sessions.get(session.id),
        () => sessions.validate(credentialOf(session), EAGER),
        () => sessions.touch(session.id),
        () => sessions.update(session.id, { version: '', data: CONTENT.data }),
        () => sessions.destroy(session.id),
        () => sessions.list('alice'),
        () => sessions.destroyAll('alice'),
        () => sessions.count(),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject(REFUSAL);
      }
      expect(primary.calls).toEqual([]);
      await comeBack();
      await expect(sessions.get(session.id)).resolves.toBeDefined();
    });

    it('a single call that gets no answer is refused, and the next one asks Redis again', async () => {
      primary.obstacle = unavailable;
      await expect(sessions.destroyAll('alice')).rejects.toMatchObject(REFUSAL);
      primary.obstacle = () => undefined;
      await expect(sessions.destroyAll('alice')).resolves.toBe(0);
    });
  });

  describe('and the policy is memory', () => {
    beforeEach(async () => {
      build('memory');
      await comeBack();
    });

    it('new sessions work until Redis is back, and no longer', async () => {
      goAway();
      const session = await created(sessions);
      await sessions.put('chosen', CONTENT);
      await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeDefined();
      await expect(sessions.list('alice')).resolves.toHaveLength(1);
      await comeBack();
      await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeUndefined();
      await expect(sessions.get('chosen')).resolves.toBeUndefined();
      goAway();
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
    });

    it('sessions in Redis are absent meanwhile and there again afterwards', async () => {
      const session = await created(sessions);
      goAway();
      await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeUndefined();
      await comeBack();
      await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeDefined();
    });

    it('what was ended meanwhile does not come back', async () => {
      const [one, other] = [await created(sessions), await created(sessions)];
      const bobs = [await created(sessions, { userId: 'bob' })];
      await sessions.put('ended', CONTENT);
      await sessions.put('replaced', CONTENT);
      goAway();
      await sessions.destroy(one.id);
      await expect(sessions.destroyAll('bob')).resolves.toBe(0);
      await sessions.destroy('ended');
      await sessions.put('replaced', { ...CONTENT, data: Buffer.from('newer') });
      await comeBack();
      for (const { id } of [one, ...bobs]) {
        await expect(sessions.get(id)).resolves.toBeUndefined();
        await expect(primary.kept.get(id)).resolves.toBeUndefined();
      }
      await expect(sessions.get('ended')).resolves.toBeUndefined();
      await expect(sessions.get('replaced')).resolves.toBeUndefined();
      await expect(sessions.get(other.id)).resolves.toBeDefined();
    });

    it('a session that Redis may hold counts as ended when it is ended meanwhile', async () => {
      const session = await created(sessions);
      goAway();
      const meanwhile = await created(sessions);
      await expect(sessions.destroy(meanwhile.id)).resolves.toEqual({ userId: 'alice' });
      await expect(sessions.destroy(session.id)).resolves.toEqual({ userId: undefined });
    });

    it('put under an id that a login may have is refused, and the login stays', async () => {
      const login = await created(sessions);
      goAway();
      await expect(sessions.put(login.id, CONTENT)).rejects.toMatchObject(REFUSAL);
      await expect(sessions.get(login.id)).resolves.toBeUndefined();
      await comeBack();
      await expect(sessions.validate(credentialOf(login), EAGER)).resolves.toBeDefined();
    });

    it('ending a login, or all of a user, leaves what was put alone', async () => {
      const login = await created(sessions);
      await sessions.put('alice', CONTENT);
      goAway();
      await sessions.destroy(login.id);
      await sessions.destroyAll('alice');
      await comeBack();
      await expect(sessions.get('alice')).resolves.toMatchObject({ data: CONTENT.data });
      await expect(sessions.get(login.id)).resolves.toBeUndefined();
    });

    describe('a single call that finds no answer while Redis is well', () => {
      it('is refused, and leaves nothing behind', async () => {
        const session = await created(sessions);
        await sessions.put('chosen', CONTENT);
        primary.obstacle = unavailable;
        const calls = [
          () => sessions.create(newSession()),
          () => sessions.put('chosen', { ...CONTENT, data: Buffer.from('newer') }),
          () => sessions.get(session.id),
          () => sessions.validate(credentialOf(session), EAGER),
          () => sessions.touch(session.id),
          () => sessions.update(session.id, { version: '', data: CONTENT.data }),
          () => sessions.list('alice'),
          () => sessions.count(),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject(REFUSAL);
        primary.obstacle = () => undefined;
        expect(failover.active).toBe('primary');
        await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeDefined();
        await expect(sessions.get('chosen')).resolves.toMatchObject({ data: CONTENT.data });
        goAway();
        await expect(sessions.count()).resolves.toBe(0);
      });

      it('is made up for when it ends sessions, before Redis is asked about them', async () => {
        const one = await created(sessions);
        const bobs = await created(sessions, { userId: 'bob' });
        primary.obstacle = unavailable;
        await expect(sessions.destroy(one.id)).resolves.toEqual({ userId: undefined });
        await expect(sessions.destroyAll('bob')).resolves.toBe(0);
        primary.obstacle = () => undefined;
        await expect(sessions.validate(credentialOf(one), EAGER)).resolves.toBeUndefined();
        await expect(sessions.get(bobs.id)).resolves.toBeUndefined();
        await expect(primary.kept.get(one.id)).resolves.toBeUndefined();
        await expect(primary.kept.get(bobs.id)).resolves.toBeUndefined();
        expect(failover.active).toBe('primary');
      });

      it('is made up for without being asked', async () => {
        const session = await created(sessions);
        primary.obstacle = unavailable;
        await sessions.destroy(session.id);
        primary.obstacle = () => undefined;
        await eventually(async () => (await primary.kept.get(session.id)) === undefined);
        await eventually(() => failover.active === 'primary');
      });

      it('ends no session that is opened, or put, after it', async () => {
        primary.obstacle = unavailable;
        await sessions.destroyAll('alice');
        await sessions.destroy('chosen');
        primary.obstacle = () => undefined;
        const session = await created(sessions);
        await sessions.put('chosen', CONTENT);
        await eventually(() => failover.active === 'primary');
        await expect(primary.kept.get(session.id)).resolves.toBeDefined();
        await expect(primary.kept.get('chosen')).resolves.toBeDefined();
      });

      it('ends nothing of others in the same bucket', async () => {
        const [id, neighbour] = [newSession().id, newSession()];
        await sessions.create(neighbour);
        primary.obstacle = unavailable;
        await sessions.destroy(id);
        primary.obstacle = () => undefined;
        await expect(sessions.list('alice')).resolves.toHaveLength(1);
        await expect(sessions.get(neighbour.id)).resolves.toBeDefined();
      });
    });

    describe('a call that is still under way when Redis goes', () => {
      /** The call is sent and answered by nobody; `meanwhile` runs without Redis. */
      async function overtaken<T>(
        call: () => Promise<T>,
        meanwhile: () => Promise<unknown>,
      ): Promise<T> {
        const reply = new Deferred<void>();
        primary.obstacle = () => reply.promise;
        primary.calls.length = 0;
        const answer = call();
        await eventually(() => primary.calls.length === 1);
        primary.obstacle = () => undefined;
        goAway();
        await meanwhile();
        reply.reject(new RedisUnavailableError('connection'));
        return answer;
      }

      it('is not held up by what was ended of others', async () => {
        const session = newSession({ userId: 'bob' });
        const endOthers = async () => {
          await sessions.destroyAll('alice');
          await sessions.destroy('another');
        };
        const opened = overtaken(() => sessions.create(session), endOthers);
        await expect(opened).resolves.toMatchObject({ id: session.id });
        await comeBack();
        const stored = overtaken(() => sessions.put('chosen', CONTENT), endOthers);
        await expect(stored).resolves.toMatchObject({ id: 'chosen' });
      });

      it('is refused where its user or its id was ended or stored since', async () => {
        const newer = Buffer.from('newer');
        const opened = overtaken(
          () => sessions.create(newSession()),
          () => sessions.destroyAll('alice'),
        );
        await expect(opened).rejects.toMatchObject(REFUSAL);
        await expect(sessions.list('alice')).resolves.toEqual([]);
        await comeBack();
        const stored = overtaken(
          () => sessions.put('chosen', CONTENT),
          () => sessions.put('chosen', { ...CONTENT, data: newer }),
        );
        await expect(stored).rejects.toMatchObject(REFUSAL);
        await expect(sessions.get('chosen')).resolves.toMatchObject({ data: newer });
      });
    });

    it('what is ended while the missed is made up for is sent, so that this comes to an end', async () => {
      const missed = await Promise.all(Array.from({ length: 3 }, () => created(sessions)));
      const others = await Promise.all(
        Array.from({ length: 20 }, () => created(sessions, { userId: 'bob' })),
      );
      goAway();
      for (const { id } of missed) await sessions.destroy(id);
      const held = new Deferred<void>();
      primary.obstacle = () => held.promise;
      gate.linkUp();
      await eventually(() => gate.isClosed && primary.calls.includes('destroy'));
      primary.obstacle = () => undefined;
      for (const { id } of others) {
        await expect(sessions.destroy(id)).resolves.toEqual({ userId: 'bob' });
      }
      await expect(sessions.destroyAll('alice')).resolves.toBe(3);
      expect(failover.active).toBe('fallback');
      primary.calls.length = 0;
      held.resolve();
      await eventually(() => failover.active === 'primary');
      expect(primary.calls).toEqual([]);
    });

    it('a session of the outage that is ended after it is not there at the next one', async () => {
      goAway();
      const missed = await sessions.destroy('missed');
      expect(missed).toBeDefined();
      const session = await created(sessions);
      const held = new Deferred<void>();
      primary.obstacle = () => held.promise;
      gate.linkUp();
      await eventually(() => gate.isClosed);
      primary.obstacle = () => undefined;
      await sessions.destroy(session.id);
      goAway();
      held.reject(new RedisUnavailableError('connection'));
      await expect(sessions.validate(credentialOf(session), EAGER)).resolves.toBeUndefined();
    });

    it('a replay that fails is repeated, and Redis is not trusted before', async () => {
      const session = await created(sessions);
      goAway();
      await sessions.destroyAll('alice');
      primary.calls.length = 0;
      primary.obstacle = () => {
        goAway();
        throw new RedisUnavailableError('connection');
      };
      gate.linkUp();
      await eventually(() => primary.calls.length === 1 && !gate.isClosed);
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
      primary.obstacle = () => undefined;
      await comeBack();
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
    });

    it('an id that no driver takes is refused and does not stand in the way of recovery', async () => {
      goAway();
      const refusal = { code: 'E_INVALID_OPTION' };
      for (const wrong of ['', 'x'.repeat(1_025)]) {
        await expect(sessions.destroy(wrong)).rejects.toMatchObject(refusal);
        await expect(sessions.destroyAll(wrong)).rejects.toMatchObject(refusal);
        await expect(sessions.put(wrong, CONTENT)).rejects.toMatchObject(refusal);
      }
      await comeBack();
    });
  });
});

describe('RevocationJournal', () => {
  it('refuses what it could not remember, so that the caller knows', () => {
    const journal = new RevocationJournal();
    for (let count = 0; count < 100_000; count += 1) journal.record('destroy', [`id ${count}`]);
    journal.record('destroy', ['id 7']);
    const one = () => journal.record('destroyAll', ['one more']);
    expect(one).toThrow(expect.objectContaining({ code: 'E_SESSION_BACKEND_DOWN' }) as Error);
  });

  it('makes up for what is ended again while it is replayed', async () => {
    const journal = new RevocationJournal();
    journal.record('destroy', ['a']);
    const primary = new MemorySessionDriver({ clock: new FakeClock(), maxSessions: 10 });
    const destroy = jest.spyOn(primary, 'destroy').mockImplementationOnce(async () => {
      journal.record('destroy', ['a']);
      return undefined;
    });
    await journal.replay(primary);
    expect(destroy).toHaveBeenCalledTimes(2);
    expect(journal.isEmpty).toBe(true);
  });

  it('is told to Redis once for all who wait, and again where it did not confirm', async () => {
    const journal = new RevocationJournal();
    for (const id of ['a', 'b']) journal.record('destroyAll', [id]);
    const primary = new FakePrimary(new FakeClock());
    primary.obstacle = () => unanswered(primary.calls.length === 1);
    const replays = [journal.replay(primary.driver), journal.replay(primary.driver)];
    const outcomes = await Promise.allSettled(replays);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(primary.calls).toHaveLength(2);
    await journal.replay(primary.driver);
    expect(primary.calls).toHaveLength(3);
    expect(journal.isEmpty).toBe(true);
  });
});

function unanswered(isSo: boolean): void {
  if (isSo) throw new RedisUnavailableError('deadline');
}
