import { RedisUnavailableError } from '../../../src/common/redis/index.js';
import type { PurgeKind, PurgeScope } from '../../../src/modules/cache/cache.driver.js';
import {
  type Invalidated,
  InvalidationJournal,
} from '../../../src/modules/cache/drivers/invalidation-journal.js';

const EVERYTHING = { patterns: ['*'], keys: [] };

/** Writes down what is outdated, and does for each call what the test wants. */
class Primary implements Invalidated {
  readonly patterns: string[] = [];
  readonly batches: (readonly string[])[] = [];
  readonly purged: [scope: PurgeScope, kind: PurgeKind][] = [];
  onCall: () => void = () => undefined;

  get replayed() {
    return { patterns: this.patterns, keys: this.batches.flat() };
  }

  async delete(keys: readonly string[]): Promise<number> {
    this.onCall();
    this.batches.push(keys);
    return 0;
  }

  async deleteMatching(pattern: string): Promise<number> {
    this.onCall();
    this.patterns.push(pattern);
    return 0;
  }

  async purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    this.onCall();
    this.purged.push([scope, kind]);
  }
}

function names(count: number, name = 'key'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}:${index}`);
}

describe('InvalidationJournal', () => {
  let journal: InvalidationJournal;
  let primary: Primary;
  let dropped: string[];

  beforeEach(() => {
    dropped = [];
    journal = new InvalidationJournal({
      drop: (keys) => void dropped.push(...keys),
      dropMatching: (pattern) => void dropped.push(pattern),
      outdate: (scope, kind) => void dropped.push(`${kind} ${String(scope)}`),
    });
    primary = new Primary();
  });

  it('is empty at first and after reads', async () => {
    journal.record('get', ['key']);
    journal.record('begin', ['key']);
    journal.record('cancel', ['key', 'permit', []]);
    expect(journal.isEmpty).toBe(true);
    await journal.replay(primary);
    expect(primary.replayed).toEqual({ patterns: [], keys: [] });
  });

  it('deletes on the primary what was stored, deleted or matched meanwhile', async () => {
    journal.record('set', ['stored', { bytes: Buffer.from('value'), ttlMs: 1_000 }]);
    journal.record('delete', [['deleted', 'too']]);
    journal.record('deleteMatching', ['a*']);
    expect(journal.isEmpty).toBe(false);
    await journal.replay(primary);
    expect(primary.replayed).toEqual({ patterns: ['a*'], keys: ['stored', 'deleted', 'too'] });
    expect(journal.isEmpty).toBe(true);
  });

  it('knows every key and pattern once', async () => {
    for (let time = 0; time < 3; time += 1) {
      journal.record('set', ['key', { bytes: Buffer.from('value'), ttlMs: 1_000 }]);
      journal.record('delete', [['key']]);
      journal.record('deleteMatching', ['a*']);
    }
    await journal.replay(primary);
    expect(primary.replayed).toEqual({ patterns: ['a*'], keys: ['key'] });
  });

  it('replays a second time only what was recorded since', async () => {
    journal.record('delete', [['first']]);
    await journal.replay(primary);
    journal.record('delete', [['second']]);
    await journal.replay(primary);
    expect(primary.batches).toEqual([['first'], ['second']]);
  });

  it('keeps 10000 keys one by one, sent in batches', async () => {
    journal.record('delete', [names(10_000)]);
    await journal.replay(primary);
    expect(primary.replayed).toEqual({ patterns: [], keys: names(10_000) });
    expect(primary.batches).toHaveLength(20);
  });

  it.each([
    ['of one call', (many: readonly string[]) => journal.record('delete', [many])],
    [
      'one by one',
      (many: readonly string[]) => many.forEach((key) => journal.record('set', [key])),
    ],
  ])('takes more than 10000 keys for everything, %s', async (_how, record) => {
    journal.record('deleteMatching', ['a*']);
    record(names(10_001));
    await journal.replay(primary);
    expect(primary.replayed).toEqual(EVERYTHING);
  });

  it('takes more than 100 patterns for everything', async () => {
    for (const pattern of names(100)) journal.record('deleteMatching', [pattern]);
    journal.record('delete', [['key']]);
    await journal.replay(primary);
    expect(primary.replayed).toEqual({ patterns: names(100), keys: ['key'] });
    for (const pattern of names(101)) journal.record('deleteMatching', [pattern]);
    const second = new Primary();
    await journal.replay(second);
    expect(second.replayed).toEqual(EVERYTHING);
  });

  it('keeps the entries whose replay failed', async () => {
    journal.record('deleteMatching', ['a*']);
    journal.record('deleteMatching', ['b*']);
    journal.record('delete', [names(600)]);
    primary.onCall = () => {
      if (primary.batches.length === 1) throw new RedisUnavailableError('connection');
    };
    const failure = { code: 'E_REDIS_UNAVAILABLE' };
    await expect(journal.replay(primary)).rejects.toMatchObject(failure);
    expect(primary.replayed).toEqual({ patterns: ['a*', 'b*'], keys: names(500) });
    const second = new Primary();
    await journal.replay(second);
    expect(second.replayed).toEqual({ patterns: [], keys: names(600).slice(500) });
  });

  it('keeps the pattern whose replay failed', async () => {
    journal.record('deleteMatching', ['a*']);
    primary.onCall = () => {
      throw new RedisUnavailableError('deadline');
    };
    await expect(journal.replay(primary)).rejects.toBeInstanceOf(RedisUnavailableError);
    expect(journal.isEmpty).toBe(false);
    const second = new Primary();
    await journal.replay(second);
    expect(second.replayed).toEqual({ patterns: ['a*'], keys: [] });
  });

  it('keeps what is recorded while it is being replayed', async () => {
    journal.record('deleteMatching', ['a*']);
    journal.record('delete', [['key']]);
    primary.onCall = () => {
      journal.record('deleteMatching', ['a*']);
      journal.record('delete', [['key']]);
    };
    await journal.replay(primary);
    expect(journal.isEmpty).toBe(false);
    const second = new Primary();
    await journal.replay(second);
    expect(second.replayed).toEqual({ patterns: ['a*'], keys: ['key'] });
    expect(journal.isEmpty).toBe(true);
  });

  it('takes from the fallback what it has brought to the primary', async () => {
    journal.record('deleteMatching', ['a*']);
    journal.record('delete', [['key']]);
    await journal.replay(primary);
    expect(dropped).toEqual(['a*', 'key']);
  });

  describe('a change while something is recorded', () => {
    const value = { bytes: Buffer.from('value'), ttlMs: 1_000 };

    beforeEach(() => {
      journal.record('set', ['key', value]);
      journal.record('delete', [['key', 'other']]);
      journal.record('deleteMatching', ['a*']);
    });

    it.each<readonly ['set' | 'delete', unknown, string[]]>([
      ['set', 'key', ['other']],
      ['delete', ['key', 'other', 'new'], []],
    ])('%s supersedes what was recorded of its keys', async (method, subject, left) => {
      const settle = journal.supersede(method, [subject, value]);
      expect(dropped).toEqual([subject].flat());
      expect(journal.covers('get', ['key'])).toBe(true);
      settle?.();
      expect(journal.covers('get', ['key'])).toBe(false);
      await journal.replay(primary);
      expect(primary.replayed).toEqual({ patterns: ['a*'], keys: left });
    });

    it('deleteMatching supersedes its own pattern', async () => {
      journal.supersede('deleteMatching', ['a*'])?.();
      expect(journal.covers('get', ['a1'])).toBe(false);
      expect(journal.covers('get', ['key'])).toBe(true);
    });

    it('supersedes nothing that is recorded between its sending and its answer', () => {
      const settle = journal.supersede('set', ['key', value]);
      const settlePattern = journal.supersede('deleteMatching', ['a*']);
      journal.record('delete', [['key']]);
      journal.record('deleteMatching', ['a*']);
      settle?.();
      settlePattern?.();
      expect([journal.covers('get', ['key']), journal.covers('get', ['a1'])]).toEqual([true, true]);
    });

    it('is not one that Redis may refuse: storing with a permit', () => {
      expect(journal.supersede('set', ['key', value, 'permit'])).toBeUndefined();
    });

    it('is not a read', () => {
      expect(journal.supersede('get', ['key'])).toBeUndefined();
      expect(journal.supersede('begin', ['key'])).toBeUndefined();
      expect(journal.supersede('cancel', ['key', 'permit', []])).toBeUndefined();
    });
  });

  describe('purges', () => {
    it('are made up for first, each tag once, and all that is soft apart', async () => {
      const order: string[] = [];
      primary.onCall = () => order.push(`${primary.purged.length}`);
      journal.record('delete', [['key']]);
      journal.record('purge', [['a', 'b'], 'hard']);
      journal.record('purge', [['b', 'c'], 'hard']);
      journal.record('purge', [['b'], 'soft']);
      await journal.replay(primary);
      expect(primary.purged).toEqual([
        [['a', 'b', 'c'], 'hard'],
        [['b'], 'soft'],
      ]);
      expect(order).toEqual(['0', '1', '2']);
      expect(primary.replayed).toEqual({ patterns: [], keys: ['key'] });
      expect(journal.isEmpty).toBe(true);
    });

    it('cover every key until they are made up for', async () => {
      journal.record('purge', [['a'], 'soft']);
      for (const method of ['get', 'begin', 'set', 'delete'] as const)
        expect(journal.covers(method, ['any'])).toBe(true);
      await journal.replay(primary);
      expect(journal.covers('get', ['any'])).toBe(false);
    });

    it('of everything and of tags are both made up for', async () => {
      journal.record('purge', [['a'], 'hard']);
      journal.record('purge', ['everything', 'hard']);
      journal.record('purge', [['b'], 'hard']);
      await journal.replay(primary);
      expect(primary.purged).toEqual([
        ['everything', 'hard'],
        [['b'], 'hard'],
      ]);
    });

    it('of more than 1000 tags count as one of everything', async () => {
      for (const tag of names(1_000)) journal.record('purge', [[tag], 'hard']);
      await journal.replay(primary);
      expect(primary.purged.flatMap(([scope]) => scope)).toEqual(names(1_000));
      for (const tag of names(1_001)) journal.record('purge', [[tag], 'soft']);
      const second = new Primary();
      await journal.replay(second);
      expect(second.purged).toEqual([['everything', 'soft']]);
    });

    it('whose replay failed, or which are made again meanwhile, are kept', async () => {
      journal.record('purge', [['a'], 'hard']);
      primary.onCall = () => {
        throw new RedisUnavailableError('connection');
      };
      await expect(journal.replay(primary)).rejects.toBeInstanceOf(RedisUnavailableError);
      expect(journal.isEmpty).toBe(false);
      primary.onCall = () => journal.record('purge', [['a'], 'hard']);
      await journal.replay(primary);
      expect(journal.isEmpty).toBe(false);
      primary.onCall = () => undefined;
      await journal.replay(primary);
      expect(journal.isEmpty).toBe(true);
    });

    it('that reach the primary supersede what was recorded of them, in the fallback too', () => {
      journal.record('purge', [['a', 'b'], 'hard']);
      const settle = journal.supersede('purge', [['a', 'b'], 'hard']);
      expect(dropped).toEqual(['hard a,b']);
      expect(journal.isEmpty).toBe(false);
      settle?.();
      expect(journal.isEmpty).toBe(true);
    });

    it('of a wrong tag are refused', () => {
      const refusal = expect.objectContaining({ code: 'E_INVALID_OPTION' });
      expect(() => journal.record('purge', [['fine', ''], 'hard'])).toThrow(refusal);
      expect(journal.isEmpty).toBe(true);
    });
  });

  it.each(['', 'k'.repeat(1_025)])('refuses a key that would make every replay fail', (wrong) => {
    const refusal = expect.objectContaining({ code: 'E_INVALID_OPTION' });
    expect(() => journal.record('delete', [['fine', wrong]])).toThrow(refusal);
    expect(() => journal.record('set', [wrong, { bytes: Buffer.from('value'), ttlMs: 1 }])).toThrow(
      refusal,
    );
    expect(journal.isEmpty).toBe(true);
  });
});
