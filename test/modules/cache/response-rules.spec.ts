import { GoneException, HttpException, NotFoundException } from '@nestjs/common';
import { answerOf } from '../../../src/modules/cache/response/answer.js';
import { chooseCoding } from '../../../src/modules/cache/response/content-coding.js';
import { demandsOf, isAcceptable } from '../../../src/modules/cache/response/request-demands.js';
import { ResponseFormat } from '../../../src/modules/cache/response/response-format.js';
import { storabilityOf } from '../../../src/modules/cache/response/storability.js';
import type { StoredBytes } from '../../../src/modules/cache/response/stored-response.js';
import {
  contentOfError,
  isFailure,
  rebuiltError,
} from '../../../src/modules/cache/response/stored-error.js';
import { CodecError, ValueCodec } from '../../../src/common/codec/index.js';

type Headers = Readonly<Record<string, string>>;

const NOW = Date.UTC(2026, 0, 1);
const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT';
const LATER = 'Thu, 01 Jan 2026 00:01:00 GMT';

const stored: StoredBytes = {
  kind: 'bytes',
  status: 200,
  headers: [
    ['content-type', 'text/plain'],
    ['content-location', '/a'],
    ['cache-control', 'no-cache'],
    ['last-modified', MODIFIED],
  ],
  vary: ['accept-language'],
  mustRevalidate: false,
  body: Buffer.from('body'),
  etag: '"bp-0123456789012345678901"',
  modifiedAt: NOW,
};

describe('what may be stored (RFC 9111, 3)', () => {
  it.each<readonly [what: string, headers: Headers, expected: number | string | undefined]>([
    ['nothing said', {}, undefined],
    ['3.1 an unknown directive', { 'cache-control': 'community="UCI"' }, undefined],
    ['4.2.1 s-maxage before max-age', { 'cache-control': 'max-age=60, s-maxage=10' }, 10_000],
    ['5.2 the case does not matter', { 'cache-control': 'Max-Age=60' }, 60_000],
    ['5.2 an argument in quotes', { 'cache-control': 'max-age="60"' }, 60_000],
    ['4.2.1 the first of two', { 'cache-control': 'max-age=60, max-age=10' }, 60_000],
    ['5.3 max-age before Expires', { 'cache-control': 'max-age=60', expires: '0' }, 60_000],
    ['5.3 Expires', { expires: LATER }, 60_000],
    ['5.3 Expires: 0', { expires: '0' }, 'its time is over'],
    ['5.3 Expires in the past', { expires: MODIFIED }, 'its time is over'],
    ['5.2.2.1 max-age=0', { 'cache-control': 'max-age=0' }, 'its time is over'],
    ['4.2.1 max-age that is no number', { 'cache-control': 'max-age=soon' }, 'its time is over'],
    ['5.2.2.5 no-store', { 'cache-control': 'max-age=60, no-store' }, 'no-store'],
    ['5.2.2.7 private', { 'cache-control': 'Private' }, 'private'],
    ['5.2.2.7 private for a field', { 'cache-control': 'private="x-a"' }, 'private'],
    ['5.2.2.4 no-cache', { 'cache-control': 'no-cache' }, 'no-cache'],
    ['a word in quotes is no directive', { 'cache-control': 'a="b, no-store"' }, undefined],
    ['7.3 Set-Cookie', { 'set-cookie': 'a=b' }, 'cookie'],
    ['4.2.3 Age', { 'cache-control': 'max-age=60', age: '20' }, 40_000],
    ['4.1 Vary: *', { vary: '*' }, '"*"'],
    ['4.1 Vary by what is in the key', { vary: 'Accept-Language' }, undefined],
    ['4.1 Vary by what is not', { vary: 'Accept-Language, X-A' }, '"x-a"'],
    ['Vary that was there before the handler', { vary: 'Origin' }, undefined],
  ])('%s', (_what, headers, expected) => {
    const before = { status: 200, headers: { vary: 'Origin' } };
    const rules = { statuses: [200], varied: ['accept-language'], staticVary: [] };
    const verdict = storabilityOf(rules, {
      status: 200,
      before,
      after: { status: 200, headers },
      now: NOW,
    });
    if (typeof expected === 'string') {
      expect(verdict).toMatchObject({ isStorable: false });
      expect('why' in verdict && verdict.why).toContain(expected);
    } else expect(verdict).toMatchObject({ isStorable: true, ttlMs: expected });
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=9'])(
    '%s: not served once its time is over (4.2.4)',
    (field) => {
      const state = { status: 200, headers: { 'cache-control': field } };
      const rules = { statuses: [200], varied: [], staticVary: [] };
      const outcome = { status: 200, before: state, after: state, now: NOW };
      expect(storabilityOf(rules, outcome)).toMatchObject({ mustRevalidate: true });
    },
  );

  it('a status that the route does not name is not stored', () => {
    const state = { status: 404, headers: {} };
    const outcome = { status: 404, before: state, after: state, now: NOW };
    const verdicts = [[200], [200, 404]].map(
      (statuses) => storabilityOf({ statuses, varied: 'any', staticVary: [] }, outcome).isStorable,
    );
    expect(verdicts).toEqual([false, true]);
  });
});

describe('what a client takes (RFC 9111, 5.2.1)', () => {
  const answer = { ageMs: 30_000, freshForMs: 30_000 };

  it.each<readonly [headers: Headers, isTaken: boolean]>([
    [{}, true],
    [{ 'cache-control': 'no-cache' }, false],
    [{ 'cache-control': 'max-age=0' }, false],
    [{ 'cache-control': 'max-age=29' }, false],
    [{ 'cache-control': 'max-age=30' }, true],
    [{ 'cache-control': 'min-fresh=31' }, false],
    [{ 'cache-control': 'min-fresh=30' }, true],
    [{ 'cache-control': 'max-stale' }, true],
    [{ pragma: 'no-cache' }, false],
    [{ pragma: 'no-cache', 'cache-control': 'max-age=60' }, true],
  ])('%j: %j', (headers, isTaken) => {
    const demands = demandsOf({ method: 'GET', url: '/', headers });
    expect(isAcceptable(demands, answer)).toBe(isTaken);
  });
});

describe('the answer of a stored response', () => {
  const ask = (headers: Headers, method = 'GET', response = stored) =>
    answerOf(response, { method, headers });

  it.each<readonly [what: string, headers: Headers, method: string, status: number]>([
    ['no condition', {}, 'GET', 200],
    ['its tag', { 'if-none-match': String(stored.etag) }, 'GET', 304],
    ['its tag, by HEAD', { 'if-none-match': String(stored.etag) }, 'HEAD', 304],
    ['its tag, by POST', { 'if-none-match': String(stored.etag) }, 'POST', 200],
    ['its tag as a weak one', { 'if-none-match': `W/${stored.etag}` }, 'GET', 304],
    ['a list with its tag', { 'if-none-match': `"a", W/"b,c" ,${stored.etag}` }, 'GET', 304],
    ['any tag', { 'if-none-match': '*' }, 'GET', 304],
    ['another tag', { 'if-none-match': '"a"' }, 'GET', 200],
    ['no tag at all', { 'if-none-match': 'a' }, 'GET', 200],
    ['the same date', { 'if-modified-since': MODIFIED }, 'GET', 304],
    ['a later date', { 'if-modified-since': LATER }, 'GET', 304],
    ['an earlier date', { 'if-modified-since': 'Wed, 31 Dec 2025 23:59:59 GMT' }, 'GET', 200],
    ['no date', { 'if-modified-since': '2026-01-01' }, 'GET', 200],
    [
      'another tag and a date: the tag counts',
      { 'if-none-match': '"a"', 'if-modified-since': LATER },
      'GET',
      200,
    ],
    ['If-Match is not ours (4.3.2)', { 'if-match': '"a"' }, 'GET', 200],
  ])('%s', (...[, headers, method, status]) => {
    const answer = ask(headers, method);
    expect([answer.status, answer.body === undefined]).toEqual([status, status === 304]);
    const names = answer.headers.map(([name]) => name);
    const kept = ['content-location', 'cache-control', 'last-modified', 'etag'];
    expect(names).toEqual(status === 304 ? kept : ['content-type', ...kept]);
    expect(answer.vary).toEqual(['accept-language']);
  });

  it('goes by no condition where it is no success', () => {
    const moved: StoredBytes = { ...stored, status: 301 };
    expect(ask({ 'if-none-match': '*' }, 'GET', moved).status).toBe(301);
  });

  it('has another strong tag for each coding, and names Accept-Encoding', () => {
    const coded: StoredBytes = { ...stored, br: Buffer.from('br'), gzip: Buffer.from('gz') };
    const tags = ['br', 'gzip', 'identity'].map((coding) => {
      const { headers, vary, body } = ask({ 'accept-encoding': coding }, 'GET', coded);
      expect(vary).toEqual(['accept-language', 'accept-encoding']);
      const found = Object.fromEntries(headers);
      return [found['content-encoding'], found['etag'], String(body?.bytes)];
    });
    expect(tags).toEqual([
      ['br', '"bp-0123456789012345678901-br"', 'br'],
      ['gzip', '"bp-0123456789012345678901-gzip"', 'gz'],
      [undefined, stored.etag, 'body'],
    ]);
  });

  it("weakens the handler's own strong tag where the bytes are others", () => {
    const own: StoredBytes = { ...stored, etag: '"v1"', gzip: Buffer.from('gz') };
    const { headers } = ask({ 'accept-encoding': 'gzip' }, 'GET', own);
    expect(Object.fromEntries(headers)['etag']).toBe('W/"v1"');
    const again = ask({ 'accept-encoding': 'gzip', 'if-none-match': 'W/"v1"' }, 'GET', own);
    expect(again.status).toBe(304);
  });

  it.each<readonly [accepted: string | undefined, coding: string]>([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP;q=0.8, br;q=0.5', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0', 'identity'],
    ['identity, gzip;q=0.5', 'identity'],
    ['deflate', 'identity'],
    ['br;q=x', 'identity'],
  ])('Accept-Encoding: %s gets %s', (accepted, coding) => {
    const bodies = { br: Buffer.from('b'), gzip: Buffer.from('g') };
    expect(chooseCoding(accepted, bodies)).toBe(coding);
  });
});

describe('a thrown exception', () => {
  class OwnNotFound extends NotFoundException {}

  it.each<readonly [what: string, error: HttpException]>([
    ['404', new NotFoundException('a')],
    ['404 with a body of its own', new NotFoundException({ a: 1 })],
    ['410', new GoneException('a', { description: 'b' })],
    ['418 with a code', new HttpException('a', 418, { errorCode: 'TEAPOT' })],
  ])('%s comes back as what it was', (_what, error) => {
    const content = contentOfError(error);
    const again = content === undefined ? undefined : rebuiltError(content);
    expect(again?.constructor).toBe(error.constructor);
    expect(again).toMatchObject({ message: error.message, name: error.name });
    expect([again?.getStatus(), again?.getResponse(), again?.errorCode]).toEqual([
      error.getStatus(),
      error.getResponse(),
      error.errorCode,
    ]);
  });

  it('of a class of its own, or that is none of HTTP, cannot come back', () => {
    for (const error of [new OwnNotFound(), new Error('a'), 'text']) {
      expect(contentOfError(error)).toBeUndefined();
    }
  });

  it('may be hidden by a stale answer where the handler failed, not where it answered', () => {
    const failures = [new Error('a'), new HttpException('a', 500), new HttpException('a', 503)];
    const answers = [new HttpException('a', 501), new NotFoundException(), new CodecError('a')];
    expect(failures.map(isFailure)).toEqual([true, true, true]);
    expect(answers.map(isFailure)).toEqual([false, false, false]);
  });
});

describe('the format of stored responses', () => {
  const options = { compressAboveBytes: undefined, maxBytes: 1_000 };
  const format = new ResponseFormat(options);
  const codec = new ValueCodec(options);

  it('gives back what was stored', async () => {
    const coded = { ...stored, br: Buffer.from([0, 255]) };
    expect(await format.decode(await format.encode(coded))).toEqual(coded);
  });

  it('another version counts as absent', async () => {
    const bytes = await codec.encode({ mark: Buffer.from([2]), response: stored });
    expect(() => format.decode(bytes)).toThrow(expect.objectContaining({ code: 'E_CODEC' }));
  });

  it('what something else stored counts as absent, whatever it looks like', async () => {
    for (const value of [null, 'text', { mark: 1, response: stored }, { kind: 'bytes' }]) {
      const bytes = await codec.encode(value);
      expect(() => format.decode(bytes)).toThrow(expect.objectContaining({ code: 'E_CODEC' }));
    }
  });

  it('what is too large is refused', () => {
    const large = { ...stored, body: Buffer.alloc(1_001) };
    expect(() => format.encode(large)).toThrow(expect.objectContaining({ code: 'E_CODEC' }));
  });
});
