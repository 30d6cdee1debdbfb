import fc from 'fast-check';
import { Cluster } from 'ioredis';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import {
  checkKeyText,
  KeyDeletion,
  type KeyFamily,
  KeySpace,
  MAX_KEY_BYTES,
  RedisUnavailableError,
} from '../../src/common/redis/index.js';

const FAMILY: KeyFamily = {
  module: 'session',
  version: 3,
  layout: '{basket}:item:colour',
  type: 'string',
  ttl: '1 hour',
  evictable: true,
  purpose: 'A test',
};

const keys = new KeySpace({ prefix: 'bp', modulePrefixes: {} });

const text = fc.oneof(
  fc
    .array(fc.nat(0xffff), { minLength: 1, maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.array(fc.constantFrom('a', ':', '{', '}', '%'), { minLength: 1 }).map((all) => all.join('')),
);

describe('KeySpace', () => {
  it('builds prefix, module, version, tag and parts', () => {
    expect(keys.key(FAMILY, '42')).toBe('bp:session:v3:{42}');
    expect(keys.key(FAMILY, 'user:42', 'shoes', 'dark red')).toBe(
      'bp:session:v3:{user:42}:shoes:dark%20red',
    );
  });

  it('replaces the prefix and the module for one module', () => {
    const renamed = new KeySpace({ prefix: 'bp', modulePrefixes: { session: 'old:basket' } });
    expect(renamed.key(FAMILY, '42')).toBe('old:basket:v3:{42}');
    expect(renamed.key({ ...FAMILY, module: 'cache' }, '42')).toBe('bp:cache:v3:{42}');
  });

  it('begins every key of a family with its root, which holds no glob character', () => {
    fc.assert(
      fc.property(text, text, (tag, part) => {
        const root = keys.root(FAMILY);
        expect(root).toMatch(/^[A-Za-z0-9_.:-]+$/);
        expect(keys.key(FAMILY, tag, part).startsWith(root)).toBe(true);
      }),
    );
  });

  it('gives different tags and parts different keys', () => {
    const parts = fc.tuple(text, fc.array(text, { maxLength: 3 }));
    fc.assert(
      fc.property(parts, parts, ([tag, rest], [otherTag, otherRest]) => {
        const isSame = JSON.stringify([tag, rest]) === JSON.stringify([otherTag, otherRest]);
        const [one, other] = [
          keys.key(FAMILY, tag, ...rest),
          keys.key(FAMILY, otherTag, ...otherRest),
        ];
        expect(one === other).toBe(isSame);
      }),
      { numRuns: 1_000 },
    );
  });

  it('has exactly one hash tag, which is the whole encoded tag', () => {
    fc.assert(
      fc.property(text, text, (tag, part) => {
        const key = keys.key(FAMILY, tag, part);
        expect(key.match(/[{}]/g)).toEqual(['{', '}']);
        const [, hashTag] = /\{(.+)\}/.exec(key) ?? [];
        expect(keys.key(FAMILY, tag)).toBe(`${keys.root(FAMILY)}{${hashTag}}`);
      }),
    );
  });

  it.each([
    ['an empty tag', () => keys.key(FAMILY, '')],
    ['an empty part', () => keys.key(FAMILY, '42', '')],
    ['a tag that is too long', () => keys.key(FAMILY, 'x'.repeat(MAX_KEY_BYTES + 1))],
    ['a part that is too long', () => keys.key(FAMILY, '42', 'x'.repeat(MAX_KEY_BYTES + 1))],
  ])('refuses %s', (_what, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option: 'key' }) as InvalidOptionError,
    );
  });
});

describe('checkKeyText', () => {
  it('counts bytes, not characters', () => {
    const longest = 'é'.repeat(MAX_KEY_BYTES / 2);
    expect(checkKeyText(longest, 'key')).toBe(longest);
    expect(() => checkKeyText(`${longest}x`, 'key')).toThrow(/is 1025 bytes long/);
  });

  it.each<[unknown]>([[''], [undefined], [null], [42], [{}], [['a']]])(
    'refuses %j, also from callers without types',
    (value) => {
      expect(() => checkKeyText(value as string, 'subject')).toThrow(
        expect.objectContaining({ option: 'subject' }) as InvalidOptionError,
      );
    },
  );
});

/** A master that has many keys left to look at, until `fails` says that it is gone. */
class FakeMaster {
  static readonly #STEPS = 1_000;
  steps = 0;

  constructor(readonly fails: (step: number) => boolean) {}

  async scan(): Promise<[cursor: string, keys: string[]]> {
    this.steps += 1;
    await turn();
    if (this.fails(this.steps)) throw new RedisUnavailableError('deadline');
    return [this.steps < FakeMaster.#STEPS ? String(this.steps) : '0', []];
  }
}

describe('KeyDeletion', () => {
  it('by pattern stops on every master with its step, when one of them does not answer', async () => {
    const [well, lost] = [new FakeMaster(() => false), new FakeMaster((step) => step === 3)];
    const cluster: unknown = Object.create(Cluster.prototype, {
      nodes: { value: () => [well, lost] },
    });
    const connection = { keys, command: async (run: (client: unknown) => unknown) => run(cluster) };
    const deletion = new KeyDeletion(connection as never, FAMILY, { deadlineMs: 5_000 });
    await expect(deletion.deleteMatching('*')).rejects.toMatchObject({ reason: 'deadline' });
    const { steps } = well;
    expect(steps).toBeGreaterThan(1);
    for (let later = 0; later < 50; later += 1) await turn();
    expect(well.steps).toBeLessThanOrEqual(steps + 1);
    expect(lost.steps).toBe(3);
  });
});

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
