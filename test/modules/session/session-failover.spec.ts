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
import { eventually } from '../../support/eventually.js';

const CONTENT = { ttlMs: HOUR, data: Buffer.from('content') };

/** A Redis in a box: it keeps what it was told, also while it cannot be reached. */
class FakePrimary {
  readonly kept: MemorySessionDriver;
  readonly calls: string[] = [];
  readonly driver: SessionDriver;
  /** Runs before every call; throws what the caller is to get. */
  obstacle: () => void = () => undefined;

  constructor(clock: FakeClock) {
    this.kept = new MemorySessionDriver({ clock, maxSessions: 1_000 });
    this.driver = new Proxy<SessionDriver>(this.kept, {
      get:
        (kept, method) =>
        async (...args: unknown[]) => {
          this.calls.push(String(method));
          this.obstacle();
          return Reflect.apply(Reflect.get(kept, method) as () => unknown, kept, args);
        },
    });
  }
}

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
        await expect(call()).rejects.toMatchObject({ code: 'E_SESSION_BACKEND_DOWN' });
      }
      expect(primary.calls).toEqual([]);
      await comeBack();
      await expect(sessions.get(session.id)).resolves.toBeDefined();
    });

    it('a single call that gets no answer is refused, and the next one asks Redis again', async () => {
      primary.obstacle = unavailable;
      const refusal = { code: 'E_SESSION_BACKEND_DOWN' };
      await expect(sessions.destroyAll('alice')).rejects.toMatchObject(refusal);
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
      await expect(sessions.destroy(one.id)).resolves.toBeUndefined();
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

    it('a revocation without an answer is made up for before Redis is trusted again', async () => {
      const session = await created(sessions);
      primary.obstacle = unavailable;
      await sessions.destroy(session.id);
      primary.obstacle = () => undefined;
      expect(failover.active).toBe('fallback');
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
      await eventually(() => failover.active === 'primary');
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
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

  it('keeps what is ended again while it is replayed', async () => {
    const journal = new RevocationJournal();
    journal.record('destroy', ['a']);
    const primary = new MemorySessionDriver({ clock: new FakeClock(), maxSessions: 10 });
    jest.spyOn(primary, 'destroy').mockImplementationOnce(async () => {
      journal.record('destroy', ['a']);
      return undefined;
    });
    await journal.replay(primary);
    expect(journal.isEmpty).toBe(false);
    await journal.replay(primary);
    expect(journal.isEmpty).toBe(true);
  });
});
