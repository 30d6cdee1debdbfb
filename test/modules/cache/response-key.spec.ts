import fc from 'fast-check';
import { type KeyParts, responseKey } from '../../../src/modules/cache/response-key.js';
import { sampling } from '../../support/sampling.js';

/** Texts that try to look like the parts of a key. */
const text = fc
  .array(fc.constantFrom('|', '||', 'user=', 'version=', 'host=', 'a', '%7C', '=', '/'), {
    maxLength: 8,
  })
  .map((pieces) => pieces.join(''));
const parts = fc.record(
  { user: text, version: text, host: text },
  { requiredKeys: [] },
) as fc.Arbitrary<KeyParts>;

describe('responseKey', () => {
  it('gives different keys to different texts, users, versions and hosts', () => {
    const keys = new Map<string, string>();
    fc.assert(
      fc.property(text, parts, (given, those) => {
        const { user, version, host } = those;
        const input = JSON.stringify([given, user ?? null, version ?? null, host ?? null]);
        const key = responseKey(given, { user, version, host });
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
