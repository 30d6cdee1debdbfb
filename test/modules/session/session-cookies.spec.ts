import type { HttpRequest } from '../../../src/common/http/index.js';
import { SessionCookies, type SessionOptions } from '../../../src/modules/session/index.js';
import { resolveSessionOptions } from '../../../src/modules/session/session.options.js';
import { sessionHarness } from './session-harness.js';

const cookiesWith = (cookie: SessionOptions['cookie'] = {}) =>
  new SessionCookies(resolveSessionOptions({ cookie }));

const requestWith = (cookie?: string): HttpRequest => ({
  method: 'GET',
  url: '/',
  headers: cookie === undefined ? {} : { cookie },
});

/** A response as plain Node has it. */
class Response {
  readonly headers = new Map<string, unknown>();

  getHeader(name: string): unknown {
    return this.headers.get(name.toLowerCase());
  }

  setHeader(name: string, value: string[]): void {
    this.headers.set(name.toLowerCase(), value);
  }

  removeHeader(name: string): void {
    this.headers.delete(name.toLowerCase());
  }
}

describe('SessionCookies', () => {
  it('sets a cookie that only this host, over HTTPS, and no script gets', async () => {
    const created = await sessionHarness().sessions.create({ userId: 'ada' });
    const response = new Response();
    cookiesWith().set(response, created);
    expect(response.getHeader('Set-Cookie')).toEqual([
      `__Host-sid=${created.cookieValue}; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
  });

  it('clears the cookie with the attributes it was set with', () => {
    const response = new Response();
    cookiesWith({ secure: false, path: '/app', domain: 'example.com', sameSite: 'strict' }).clear(
      response,
    );
    expect(response.getHeader('Set-Cookie')).toEqual([
      'sid=; Max-Age=0; Domain=example.com; Path=/app; HttpOnly; SameSite=Strict',
    ]);
  });

  it('keeps the cookies of the application and replaces its own', async () => {
    const created = await sessionHarness().sessions.create({ userId: 'ada', ttl: 1 });
    const response = new Response();
    response.setHeader('Set-Cookie', ['theme=dark']);
    cookiesWith().set(response, created);
    cookiesWith().set(response, created);
    expect(response.getHeader('Set-Cookie')).toEqual([
      'theme=dark',
      expect.stringMatching(/^__Host-sid=.*Max-Age=1;/),
    ]);
    response.headers.set('set-cookie', 'theme=dark');
    cookiesWith().clear(response);
    expect(response.getHeader('Set-Cookie')).toHaveLength(2);
  });

  it.each([
    [undefined, undefined],
    ['', undefined],
    ['other=1', undefined],
    ['sid=plain', undefined],
    ['__Host-sid=a', 'a'],
    ['theme=dark; __Host-sid=a; other=b', 'a'],
    ['__Host-sid=first; __Host-sid=second', 'first'],
    ['__host-sid=a', undefined],
    ['__proto__=a; __Host-sid=b', 'b'],
    ['__Host-sid=%E0%A4%A', '%E0%A4%A'],
  ])('reads from %j what belongs to it', (header, value) => {
    expect(cookiesWith().read(requestWith(header))).toBe(value);
  });

  it.each([
    [{}, '__Host-sid'],
    [{ secure: false }, 'sid'],
    [{ domain: 'example.com' }, '__Secure-sid'],
    [{ path: '/app' }, '__Secure-sid'],
    [{ name: 'token' }, 'token'],
  ])('with %j is called by the safest name there is', (options, name) => {
    expect(resolveSessionOptions({ cookie: options }).cookie.name).toBe(name);
  });

  it.each([
    [{ name: 'a b' }, 'session.cookie.name'],
    [{ name: '' }, 'session.cookie.name'],
    [{ name: '__Host-sid', secure: false }, 'session.cookie.name'],
    [{ name: '__Secure-sid', secure: false }, 'session.cookie.name'],
    [{ name: '__Host-sid', path: '/app' }, 'session.cookie.name'],
    [{ name: '__Host-sid', domain: 'example.com' }, 'session.cookie.name'],
    [{ sameSite: 'none' as const, secure: false }, 'session.cookie.sameSite'],
    [{ sameSite: 'Lax' as never }, 'session.cookie.sameSite'],
    [{ path: 'app' }, 'session.cookie.path'],
    [{ path: '/a;b' }, 'session.cookie.path'],
    [{ domain: 'exa mple' }, 'session.cookie.domain'],
    [{ httpOnly: false } as never, 'session.cookie.httpOnly'],
  ])('refuses %j, which no browser would keep, at boot', (options, option) => {
    expect(() => resolveSessionOptions({ cookie: options })).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option }) as Error,
    );
  });

  it.each([
    [{ ttl: 0 }, 'session.ttl'],
    [{ ttl: '-1s' as never }, 'session.ttl'],
    [{ touchFraction: -0.1 }, 'session.touchFraction'],
    [{ touchFraction: 0.6 }, 'session.touchFraction'],
    [{ maxDataBytes: 0 }, 'session.maxDataBytes'],
    [{ maxSessions: 0 }, 'session.maxSessions'],
    [{ onRedisDown: 'open' as never }, 'session.onRedisDown'],
    [{ deadline: 0 }, 'session.deadline'],
    [{ tll: '1h' } as never, 'session.tll'],
  ])('the module refuses %j at boot', (options, option) => {
    expect(() => resolveSessionOptions(options)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option }) as Error,
    );
  });
});
