import { SessionBackendDownError } from '../../src/modules/session/index.js';
import { PLATFORMS } from '../support/app.js';
import { cookieFrom, type SessionApp, startSessionApp, TOKEN } from './session-app.js';

const DAY = 86_400_000;
const UNKNOWN = '12345678-1234-4234-8234-123456789012';

const CLEARED = expect.stringContaining('__Host-sid=; Max-Age=0') as string;
const UNAUTHORIZED = {
  error: 'Unauthorized',
  message: expect.any(String) as unknown,
  code: 'E_SESSION_REQUIRED',
  request_id: expect.any(String) as unknown,
};

const error = (code: string) => ({
  error: expect.any(String) as unknown,
  message: expect.any(String) as unknown,
  code,
  request_id: expect.any(String) as unknown,
});

describe.each(PLATFORMS)('sessions on %s', (platform) => {
  let app: SessionApp;

  beforeAll(async () => {
    app = await startSessionApp(platform);
  });

  afterAll(() => app.close());

  const signIn = (user = 'ada') => app.ask(`POST /account/sign-in/${user}`);

  describe('with a cookie', () => {
    it('signs in, is known, and is out after signing out', async () => {
      const signedIn = await signIn();
      const [line = ''] = signedIn.headers.getSetCookie();
      expect(line).toMatch(
        /^__Host-sid=[\w.-]+; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
      const cookie = cookieFrom(signedIn);
      const me = await app.ask('GET /account/me', { cookie });
      expect(me.status).toBe(200);
      expect(me.body).toEqual({
        id: signedIn.body['id'],
        user: { id: 'ada' },
        data: { theme: 'dark' },
      });
      expect(me.headers.getSetCookie()).toEqual([]);
      const out = await app.ask('DELETE /account/session', { cookie });
      expect(out.headers.getSetCookie()).toEqual([CLEARED]);
      expect((await app.ask('GET /account/me', { cookie })).status).toBe(401);
    });

    it('is taken from the client by signing out, also where the session cannot be ended', async () => {
      const cookie = cookieFrom(await signIn());
      const validate = jest.spyOn(app.sessions, 'validate');
      validate.mockRejectedValueOnce(new SessionBackendDownError());
      const refused = await app.ask('DELETE /account/session', { cookie });
      expect([refused.status, refused.headers.getSetCookie()]).toEqual([503, [CLEARED]]);
      expect((await app.ask('GET /account/me', { cookie })).status).toBe(200);
      const unknown = await app.ask('DELETE /account/session', { cookie: '__Host-sid=forged' });
      expect([unknown.status, unknown.headers.getSetCookie()]).toEqual([200, [CLEARED]]);
    });

    it('signs out everywhere', async () => {
      const cookies = [cookieFrom(await signIn('bob')), cookieFrom(await signIn('bob'))];
      const [cookie] = cookies;
      const out = await app.ask('DELETE /account/sessions', { cookie });
      expect(out.body).toEqual({ ended: 2 });
      for (const each of cookies) {
        expect((await app.ask('GET /account/me', { cookie: each })).status).toBe(401);
      }
    });

    it('gets the cookie again when the session was renewed', async () => {
      const cookie = cookieFrom(await signIn());
      app.clock.advance(DAY / 2);
      const renewed = await app.ask('GET /closed', { cookie });
      expect(cookieFrom(renewed)).toBe(cookie);
      app.clock.advance(DAY - 1);
      expect((await app.ask('GET /closed', { cookie })).status).toBe(200);
      app.clock.advance(DAY);
      expect((await app.ask('GET /closed', { cookie })).status).toBe(401);
    });

    it.each([
      ['no cookie', undefined],
      ['another cookie', 'theme=dark'],
      ['an empty one', '__Host-sid='],
      ['one of no form', '__Host-sid=forged'],
      ['a public id alone', `__Host-sid=${UNKNOWN}`],
      ['a session that never was', `__Host-sid=${UNKNOWN}.${'A'.repeat(22)}.${'A'.repeat(43)}`],
      ['a very long one', `__Host-sid=${'x'.repeat(6_000)}`],
      ['a broken escape', '__Host-sid=%E0%A4%A'],
    ])('with %s is refused with 401 in the common shape', async (_what, cookie) => {
      for (const path of ['GET /account/me', 'GET /closed']) {
        const refused = await app.ask(path, { cookie });
        expect(refused.status).toBe(401);
        expect(refused.body).toEqual(UNAUTHORIZED);
        expect(refused.headers.getSetCookie()).toEqual([]);
      }
    });

    it('with the id of a session that the server put is refused', async () => {
      await app.sessions.put(UNKNOWN, { role: 'admin' });
      const cookie = `__Host-sid=${UNKNOWN}.${'A'.repeat(22)}.${'A'.repeat(43)}`;
      expect((await app.ask('GET /closed', { cookie })).status).toBe(401);
      await app.sessions.destroy(UNKNOWN);
    });

    it('a route without the guard knows no session', async () => {
      const cookie = cookieFrom(await signIn());
      const open = await app.ask('GET /account/open', { cookie });
      expect(open.body).toEqual({ session: null });
    });
  });

  describe('for operators', () => {
    const admin = (what: string, body?: unknown) =>
      app.ask(what, { token: TOKEN, ...(body === undefined ? {} : { body }) });

    it('are created, shown, changed, listed and ended', async () => {
      const request = { user_id: 'op', data: { a: 1, b: 2 }, device: 'curl', ip: '::1', ttl: '1h' };
      const created = await admin('POST /api/v1/redis/sessions', request);
      expect(created.status).toBe(201);
      expect(created.body).toEqual({
        id: expect.any(String) as unknown,
        user_id: 'op',
        data: { a: 1, b: 2 },
        device: 'curl',
        ip: '::1',
        created_at: new Date(app.clock.now()).toISOString(),
        last_seen_at: new Date(app.clock.now()).toISOString(),
        expires_at: new Date(app.clock.now() + 3_600_000).toISOString(),
      });
      const path = `/api/v1/redis/sessions/${String(created.body['id'])}`;
      expect((await admin(`GET ${path}`)).body).toEqual(created.body);
      const patched = await admin(`PATCH ${path}`, { data: { a: null, c: 3 } });
      expect(patched.body).toEqual({ ...created.body, data: { b: 2, c: 3 } });
      const listed = await admin('GET /api/v1/redis/sessions?userId=op');
      expect(listed.body).toEqual({ sessions: [patched.body] });
      expect((await admin(`DELETE ${path}`)).body).toEqual({ destroyed: 1 });
      for (const method of ['GET', 'DELETE']) {
        const gone = await admin(`${method} ${path}`);
        expect([gone.status, gone.body]).toEqual([404, error('E_NOT_FOUND')]);
      }
      const patchedGone = await admin(`PATCH ${path}`, { data: {} });
      expect(patchedGone.status).toBe(404);
    });

    it('are stored under an id of the caller, with any characters', async () => {
      const id = 'user/123 ž:*';
      const stored = await admin('POST /api/v1/redis/sessions', { id, data: { user_id: 123 } });
      expect(stored.body).toMatchObject({ id, data: { user_id: 123 } });
      const path = `/api/v1/redis/sessions/${encodeURIComponent(id)}`;
      expect((await admin(`GET ${path}`)).body).toEqual(stored.body);
      expect((await admin(`DELETE ${path}`)).body).toEqual({ destroyed: 1 });
    });

    it('end for a user all at once', async () => {
      const cookie = cookieFrom(await signIn('eve'));
      await signIn('eve');
      const ended = await admin('DELETE /api/v1/redis/sessions?userId=eve');
      expect(ended.body).toEqual({ destroyed: 2 });
      expect((await app.ask('GET /closed', { cookie })).status).toBe(401);
    });

    it('are shown and ended under the path of the earlier backends', async () => {
      const signedIn = await signIn('old');
      const path = `/auth/sessions/redis/${String(signedIn.body['id'])}`;
      expect((await admin(`GET ${path}`)).body).toMatchObject({ user_id: 'old' });
      expect((await admin(`DELETE ${path}`)).body).toEqual({ destroyed: 1 });
      expect((await admin(`GET ${path}`)).status).toBe(404);
    });

    it('are shown without a secret, and with values that JSON has no form for', async () => {
      const data = { big: 7n, map: new Map([['a', 1]]), set: new Set([1]), when: new Date(0) };
      const { session, cookieValue } = await app.sessions.create({ userId: 'json', data });
      const shown = await admin(`GET /api/v1/redis/sessions/${session.id}`);
      expect(shown.body['data']).toEqual({
        big: '7',
        map: [['a', 1]],
        set: [1],
        when: '1970-01-01T00:00:00.000Z',
      });
      const [, , secret = ''] = cookieValue.split('.');
      expect(JSON.stringify(shown.body)).not.toContain(secret);
    });

    it.each([
      ['POST /api/v1/redis/sessions', {}, 'body.user_id'],
      ['POST /api/v1/redis/sessions', [], 'body'],
      ['POST /api/v1/redis/sessions', { user_id: '' }, 'body.user_id'],
      ['POST /api/v1/redis/sessions', { user_id: 7 }, 'body.user_id'],
      ['POST /api/v1/redis/sessions', { user_id: 'x'.repeat(1_025) }, 'body.user_id'],
      ['POST /api/v1/redis/sessions', { user_id: '\ud83d' }, 'body.user_id'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', data: [] }, 'body.data'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', data: 'x' }, 'body.data'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', device: 7 }, 'body.device'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', ip: 7 }, 'body.ip'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', ttl: -1 }, 'body.ttl'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', ttl: 0 }, 'body.ttl'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', secret: 'x' }, 'body.secret'],
      ['POST /api/v1/redis/sessions', { user_id: 'a', userId: 'a' }, 'body.userId'],
      ['POST /api/v1/redis/sessions', { id: '', data: {} }, 'body.id'],
      ['POST /api/v1/redis/sessions', { id: 'a' }, 'body.data'],
      ['POST /api/v1/redis/sessions', { id: 'a', user_id: 'b', data: {} }, 'body.user_id'],
      ['GET /api/v1/redis/sessions', undefined, 'query.userId'],
      ['GET /api/v1/redis/sessions?userId=a&userId=b', undefined, 'query.userId'],
      ['GET /api/v1/redis/sessions?user=a', undefined, 'query.'],
      ['DELETE /api/v1/redis/sessions', undefined, 'query.userId'],
      ['DELETE /api/v1/redis/sessions?userId=', undefined, 'query.userId'],
      [`PATCH /api/v1/redis/sessions/${UNKNOWN}`, {}, 'body.data'],
      [`PATCH /api/v1/redis/sessions/${UNKNOWN}`, { data: 7 }, 'body.data'],
    ])('%s with %j is a 400 that names %s', async (what, body, field) => {
      const refused = await admin(what, body);
      expect(refused.body).toEqual(error('E_INVALID_OPTION'));
      expect(refused.status).toBe(400);
      expect(refused.body['message']).toContain(`"${field}`);
    });

    it('an invalid body is a 400', async () => {
      for (const raw of ['{', '{"user_id":']) {
        const refused = await app.ask('POST /api/v1/redis/sessions', { token: TOKEN, raw });
        expect(refused.status).toBe(400);
      }
      const evil = '{"user_id":"evil","data":{"__proto__":{"isAdmin":true}}}';
      await app.ask('POST /api/v1/redis/sessions', { token: TOKEN, raw: evil });
      expect(Reflect.get({}, 'isAdmin')).toBeUndefined();
    });

    it.each([
      'POST /api/v1/redis/sessions',
      'GET /api/v1/redis/sessions?userId=a',
      'DELETE /api/v1/redis/sessions?userId=a',
      `GET /api/v1/redis/sessions/${UNKNOWN}`,
      `PATCH /api/v1/redis/sessions/${UNKNOWN}`,
      `DELETE /api/v1/redis/sessions/${UNKNOWN}`,
      `GET /auth/sessions/redis/${UNKNOWN}`,
      `DELETE /auth/sessions/redis/${UNKNOWN}`,
    ])('%s without the token is a 401 without a hint', async (what) => {
      const cookie = cookieFrom(await signIn());
      for (const token of [undefined, 'wrong']) {
        const refused = await app.ask(what, { cookie, token });
        expect([refused.status, refused.body]).toEqual([401, error('E_UNAUTHORIZED')]);
      }
    });
  });
});

describe.each(PLATFORMS)('sessions over plain HTTP on %s', (platform) => {
  it('have a cookie that says so', async () => {
    const app = await startSessionApp(platform, { session: { cookie: { secure: false } } });
    try {
      const signedIn = await app.ask('POST /account/sign-in/ada');
      expect(signedIn.headers.getSetCookie()[0]).toMatch(/^sid=.*; HttpOnly; SameSite=Lax$/);
      const me = await app.ask('GET /account/me', { cookie: cookieFrom(signedIn) });
      expect(me.status).toBe(200);
    } finally {
      await app.close();
    }
  });
});
