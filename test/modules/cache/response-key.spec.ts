import fc from 'fast-check';
import {
  defaultKeyText,
  type KeyParts,
  responseKey,
  variantText,
} from '../../../src/modules/cache/response/response-key.js';
import { sampling } from '../../support/sampling.js';

/** Texts that try to look like the parts of a key. */
const text = fc
  .array(
    fc.constantFrom(
      '|',
      '||',
      'url=',
      'user=',
      'version=',
      'host=',
      'vary=',
      'method=',
      'a',
      '%7C',
      '=',
      '/',
    ),
    {
      maxLength: 8,
    },
  )
  .map((pieces) => pieces.join(''));
const parts = fc.record(
  { url: text, user: text, version: text, host: text, vary: text, method: text },
  { requiredKeys: [] },
) as fc.Arbitrary<KeyParts>;

describe('responseKey', () => {
  it('gives different keys to different texts, users, versions, hosts, variants and methods', () => {
    const keys = new Map<string, string>();
    fc.assert(
      fc.property(text, parts, (given, those) => {
        const { url, user, version, host, vary, method } = those;
        const named = [url, user, version, host, vary, method];
        const input = JSON.stringify([given, ...named.map((value) => value ?? null)]);
        const key = responseKey(given, { url, user, version, host, vary, method });
        expect(keys.get(key) ?? input).toBe(input);
        keys.set(key, input);
      }),
      sampling(),
    );
  });

  it.each(['cached-data:a|b', 'report|user', '|x', 'a||b'])('leaves %s as it is', (given) => {
    expect(responseKey(given, {})).toBe(given);
  });
});

describe('the text of a request', () => {
  const of = (url: string, names?: readonly string[]) =>
    defaultKeyText({ method: 'GET', url, headers: {} }, names);

  it.each([
    ['/a', 'response:/a'],
    ['/a?', 'response:/a'],
    ['/a?b=1&a=2', 'response:/a?a=2&b=1'],
    ['http://host/a?b=1', 'response:/a?b=1'],
    ['/a#f', 'response:/a#f'],
    ['/a?x#&b=1', 'response:/a?x#&b=1'],
    ['/a?a=2&b&a[]=1&&a[b]=0', 'response:/a?a=2&a[]=1&a[b]=0&b'],
    ['/a?q=%FF&p=a+b', 'response:/a?p=a+b&q=%FF'],
  ])('of %s is %s', (url, text) => {
    expect(of(url)).toBe(text);
  });

  it('holds the named parameters alone, each as often as it is there', () => {
    expect(of('/a?c=3&b=2&a=1&b=1', ['b', 'c'])).toBe('response:/a?b=2&b=1&c=3');
    expect(of('/a?x=1', ['b'])).toBe('response:/a');
    expect(of('/a?b%5Bc%5D=1&c[b]=2', ['b'])).toBe('response:/a?b%5Bc%5D=1');
    expect(of('/a?x#&b=1', ['b'])).not.toBe(of('/a?b=1', ['b']));
  });

  it('a short query that looks like the hash of a long one is another', () => {
    const [, hash] = of(`/a?${'b'.repeat(300)}`).split('?');
    expect(of(`/a?${hash}`)).not.toContain(String(hash));
  });

  it('tells absent headers from empty ones, and hides what may be secret', () => {
    const textOf = (headers: Readonly<Record<string, string>>, isSecret = false) =>
      variantText({ method: 'GET', url: '/', headers }, ['a', 'b'], isSecret);
    const ways = [{}, { a: '' }, { b: '' }, { a: 'x,=y' }, { a: 'x', b: 'y' }];
    expect(new Set(ways.map((headers) => textOf(headers))).size).toBe(ways.length);
    expect(textOf({ a: 'secret' }, true)).not.toContain('secret');
  });
});
