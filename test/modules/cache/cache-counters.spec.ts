import { EventStream } from '../../../src/common/events/index.js';
import { CacheCounters } from '../../../src/modules/cache/cache-counters.js';

describe('CacheCounters', () => {
  it('are zero, without a ratio, before anything happened', () => {
    expect(new CacheCounters(new EventStream()).counts()).toEqual({
      hits: 0,
      misses: 0,
      hit_ratio: null,
      stored: 0,
      rejected: 0,
      invalidated: 0,
    });
  });

  it('count look-ups and what became of entries', () => {
    const events = new EventStream();
    const counters = new CacheCounters(events);
    for (let time = 0; time < 3; time += 1) events.emit('cache.hit', { key: 'a' });
    events.emit('cache.miss', { key: 'a' });
    events.emit('cache.stored', { key: 'a', bytes: 1 });
    events.emit('cache.rejected', { key: 'a', reason: 'E_CODEC' });
    events.emit('cache.invalidated', { keys: ['a', 'b', 'c'], removed: 2 });
    events.emit('cache.invalidated', { pattern: 'x*', removed: 40 });
    expect(counters.lookups()).toEqual({ hits: 3, misses: 1, hit_ratio: 0.75 });
    expect(counters.counts()).toEqual({
      ...counters.lookups(),
      stored: 1,
      rejected: 1,
      invalidated: 42,
    });
  });
});
