import { createHash } from 'node:crypto';
import { CodecError } from '../../../src/common/codec/index.js';
import { SessionIdTakenError } from '../../../src/modules/session/index.js';
import { sessionHarness } from './session-harness.js';

const DAY = 86_400_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('SessionService', () => {
  describe('create', () => {
    it('tells everything about the session, which lives for a day', async () => {
      const { sessions, clock, events } = sessionHarness();
      const { session } = await sessions.create({
        userId: 'ada',
        data: { role: 'admin' },
        device: { browser: 'Firefox' },
        ip: '192.168.1.1',
      });
      const now = new Date(clock.now());
      expect(session).toEqual({
        id: expect.stringMatching(UUID) as unknown,
        userId: 'ada',
        data: { role: 'admin' },
        device: { browser: 'Firefox' },
        ip: '192.168.1.1',
        createdAt: now,
        lastSeenAt: now,
        expiresAt: new Date(clock.now() + DAY),
      });
      await expect(sessions.get(session.id)).resolves.toEqual(session);
      expect(events).toEqual([['session.created', { id: session.id, userId: 'ada' }]]);
    });

    it('stores only the hash of the secret, and shows neither', async () => {
      const { sessions, driver, events } = sessionHarness();
      const { session, cookieValue } = await sessions.create({ userId: 'ada' });
      const secret = cookieValue.split('.').at(-1) ?? '';
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
      const hash = createHash('sha256').update(secret).digest('hex');
      const stored = await driver.get(session.id);
      expect(stored?.secretHash).toBe(hash);
      expect(JSON.stringify(stored)).not.toContain(secret);
      const shown = JSON.stringify([
        session,
        events,
        await sessions.get(session.id),
        await sessions.listForUser('ada'),
        await sessions.update(session.id, {}),
        await sessions.touch(session.id),
        await sessions.validate(cookieValue),
      ]);
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(hash);
    });

    it.each([
      [{ userId: '' }, 'userId'],
      [{ userId: 'x'.repeat(1_025) }, 'userId'],
      [{ userId: 7 as never }, 'userId'],
      [{ userId: 'ada', data: [] as never }, 'data'],
      [{ userId: 'ada', data: 'text' as never }, 'data'],
      [{ userId: 'ada', data: null as never }, 'data'],
      [{ userId: 'ada', data: new Date() as never }, 'data'],
      [{ userId: 'ada', device: 7 as never }, 'device'],
      [{ userId: 'ada', ip: 'x'.repeat(65) }, 'ip'],
      [{ userId: 'ada', ttl: 0 }, 'ttl'],
      [{ userId: 'ada', ttl: -1 }, 'ttl'],
      [{ userId: 'ada', ttl: 'soon' as never }, 'ttl'],
    ])('refuses case %#, naming the option', async (request, option) => {
      const { sessions } = sessionHarness();
      const refused = sessions.create(request);
      await expect(refused).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option });
      await expect(sessions.count()).resolves.toBe(0);
    });

    it('refuses more data, and more about the device, than a session may hold', async () => {
      const { sessions } = sessionHarness({ maxDataBytes: 100 });
      const data = { text: 'x'.repeat(100) };
      await expect(sessions.create({ userId: 'ada', data })).rejects.toMatchObject({
        code: 'E_SESSION_TOO_LARGE',
        part: 'data',
        maxBytes: 100,
      });
      const device = { name: 'x'.repeat(5_000) };
      await expect(sessions.create({ userId: 'ada', device })).rejects.toMatchObject({
        code: 'E_SESSION_TOO_LARGE',
        part: 'device',
      });
      await expect(sessions.create({ userId: 'ada', data: { f: () => 1 } })).rejects.toThrow(
        CodecError,
      );
    });
  });

  describe('data', () => {
    it('comes back type for type, and as a copy', async () => {
      const { sessions } = sessionHarness();
      const data = {
        when: new Date(5),
        map: new Map([['a', 1n]]),
        set: new Set([1]),
        bytes: Buffer.from([1, 2]),
        nothing: undefined,
        nan: Number.NaN,
        deep: { list: [1, 'žluťoučký 🐎', null] },
      };
      const { session } = await sessions.create({ userId: 'ada', data });
      const found = await sessions.get<typeof data>(session.id);
      expect(found?.data).toEqual(data);
      found?.data.deep.list.push('changed');
      await expect(sessions.get(session.id)).resolves.toMatchObject({ data });
    });

    it('cannot reach the prototype of anything', async () => {
      const { sessions } = sessionHarness();
      const evil = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}';
      const { session } = await sessions.create({ userId: 'ada', data: parse(evil) });
      const nested = await sessions.update(session.id, { nested: parse(evil), ...parse(evil) });
      const merged = await sessions.update(session.id, parse(evil));
      for (const found of [nested, merged, await sessions.get(session.id)]) {
        expect(found?.data['isAdmin']).toBeUndefined();
        expect(Reflect.get(Object(found?.data['nested']), 'isAdmin')).toBeUndefined();
        expect(Object.getPrototypeOf(found?.data)).toEqual(Object.getPrototypeOf({}));
      }
      expect(Reflect.get({}, 'isAdmin')).toBeUndefined();
    });

    it('that cannot be read makes the session absent', async () => {
      const { sessions, driver, events } = sessionHarness();
      const { session, cookieValue } = await sessions.create({ userId: 'ada' });
      const { version = '' } = (await driver.get(session.id)) ?? {};
      await driver.update(session.id, { version, data: Buffer.from('another format') });
      await expect(sessions.get(session.id)).resolves.toBeUndefined();
      await expect(sessions.validate(cookieValue)).resolves.toBeUndefined();
      await expect(sessions.listForUser('ada')).resolves.toEqual([]);
      expect(events.at(-1)).toEqual(['session.unreadable', { id: session.id, reason: 'E_CODEC' }]);
    });
  });

  describe('validate', () => {
    it.each([
      ['', 'malformed'],
      ['x'.repeat(10_000), 'malformed'],
      ['undefined', 'malformed'],
      ['00000000-0000-4000-8000-000000000000', 'malformed'],
    ] as const)('opens nothing with %#', async (value, reason) => {
      const { sessions, events } = sessionHarness();
      await expect(sessions.validate(value)).resolves.toBeUndefined();
      expect(events).toEqual([['session.rejected', { reason }]]);
    });

    it('opens nothing with a value that was changed anywhere', async () => {
      const { sessions } = sessionHarness();
      const { cookieValue } = await sessions.create({ userId: 'ada' });
      const other = await sessions.create({ userId: 'bob' });
      const [id = '', userKey = '', secret = ''] = cookieValue.split('.');
      const wrong = [
        cookieValue.slice(0, -1),
        `${cookieValue}x`,
        ` ${cookieValue}`,
        cookieValue.toUpperCase(),
        `${id}.${secret}`,
        `${id}.${userKey}.`,
        `${id}.${other.cookieValue.split('.').slice(1).join('.')}`,
        `${other.session.id}.${userKey}.${secret}`,
        ...Array.from({ length: cookieValue.length }, (_, at) => flipped(cookieValue, at)),
      ];
      for (const value of wrong) await expect(sessions.validate(value)).resolves.toBeUndefined();
      await expect(sessions.validate(cookieValue)).resolves.toBeDefined();
      await expect(sessions.validate(undefined)).resolves.toBeUndefined();
    });

    it('touches once in a share of the life', async () => {
      const { sessions, clock } = sessionHarness({ ttl: '100m', touchFraction: 0.1 });
      const { cookieValue } = await sessions.create({ userId: 'ada' });
      clock.advance(599_999);
      expect((await sessions.authenticate(cookieValue))?.isRenewed).toBe(false);
      clock.advance(1);
      await expect(sessions.authenticate(cookieValue)).resolves.toMatchObject({
        isRenewed: true,
        session: { lastSeenAt: new Date(clock.now()) },
      });
    });

    it('does not trust a driver that forgot to compare', async () => {
      const { sessions } = sessionHarness({}, (driver) =>
        Object.assign(Object.create(driver) as typeof driver, {
          validate: async ({ id }: { id: string }) => ({
            session: await driver.get(id),
            isTouched: false,
          }),
          create: driver.create.bind(driver),
        }),
      );
      const { cookieValue } = await sessions.create({ userId: 'ada' });
      const forged = cookieValue.slice(0, -43) + 'A'.repeat(43);
      await expect(sessions.validate(forged)).resolves.toBeUndefined();
      await expect(sessions.validate(cookieValue)).resolves.toBeDefined();
    });
  });

  describe('put', () => {
    it('stores what the server chose an id for, as in set_session of the earlier backends', async () => {
      const { sessions, clock, events } = sessionHarness();
      const data = { user_id: 123, role: 'admin' };
      const session = await sessions.put('user_123', data, { ttl: '1h' });
      expect(session).toMatchObject({ id: 'user_123', userId: undefined, data });
      expect(session.expiresAt).toEqual(new Date(clock.now() + 3_600_000));
      await expect(sessions.get('user_123')).resolves.toEqual(session);
      await expect(sessions.destroy('user_123')).resolves.toBe(true);
      await expect(sessions.get('user_123')).resolves.toBeUndefined();
      expect(events).toEqual([
        ['session.stored', { id: 'user_123' }],
        ['session.destroyed', { id: 'user_123', userId: undefined }],
      ]);
    });

    it('does not take the place of a session that a client has', async () => {
      const { sessions } = sessionHarness();
      const { session, cookieValue } = await sessions.create({ userId: 'ada' });
      await expect(sessions.put(session.id, {})).rejects.toThrow(SessionIdTakenError);
      await expect(sessions.validate(cookieValue)).resolves.toBeDefined();
    });
  });

  describe('lists and bulk', () => {
    it('listForUser tells the last seen first', async () => {
      const { sessions, clock } = sessionHarness();
      const ids: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        ids.push((await sessions.create({ userId: 'ada' })).session.id);
        clock.advance(1_000);
      }
      await sessions.touch(ids[0] ?? '');
      const listed = await sessions.listForUser('ada');
      expect(listed.map(({ id }) => id)).toEqual([ids[0], ids[2], ids[1]]);
    });

    it('destroyAllForUser tells how many ended, once', async () => {
      const { sessions, events } = sessionHarness();
      for (let count = 0; count < 3; count += 1) await sessions.create({ userId: 'ada' });
      await expect(sessions.destroyAllForUser('ada')).resolves.toBe(3);
      await expect(sessions.destroyAllForUser('ada')).resolves.toBe(0);
      expect(events.at(3)).toEqual(['session.revoked', { userId: 'ada', count: 3 }]);
    });

    it('count asks the driver once in five seconds, and again after a failure', async () => {
      const { sessions, driver, clock } = sessionHarness();
      const count = jest.spyOn(driver, 'count');
      count.mockRejectedValueOnce(new Error('away'));
      await expect(sessions.count()).rejects.toThrow('away');
      await expect(Promise.all([sessions.count(), sessions.count()])).resolves.toEqual([0, 0]);
      await sessions.create({ userId: 'ada' });
      clock.advance(4_999);
      await expect(sessions.count()).resolves.toBe(0);
      clock.advance(1);
      await expect(sessions.count()).resolves.toBe(1);
      expect(count).toHaveBeenCalledTimes(3);
    });
  });
});

function parse(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

/** The text with another character at that place. */
function flipped(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
}
