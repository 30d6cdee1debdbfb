import { SingleFlight } from '../../../src/modules/cache/single-flight.js';
import { Deferred } from '../../support/deferred.js';

/** A load that the test ends, and what it was told. */
class Load {
  readonly result = new Deferred<string>();
  runs = 0;
  isStale: () => boolean = () => {
    throw new Error('not started');
  };

  readonly run = (isStale: () => boolean): Promise<string> => {
    this.runs += 1;
    this.isStale = isStale;
    return this.result.promise;
  };
}

describe('SingleFlight', () => {
  it('who comes while a load is under way joins it', async () => {
    const flights = new SingleFlight<string>();
    const [first, second] = [new Load(), new Load()];
    const answers = [flights.run('key', first.run), flights.run('key', second.run)];
    first.result.resolve('value');
    expect(await Promise.all(answers)).toEqual(['value', 'value']);
    expect([first.runs, second.runs]).toEqual([1, 0]);
  });

  it('who comes after a load ended starts another one', async () => {
    const flights = new SingleFlight<string>();
    for (const expected of ['first', 'second']) {
      const load = new Load();
      load.result.resolve(expected);
      expect(await flights.run('key', load.run)).toBe(expected);
    }
  });

  it('who comes after a load failed starts another one', async () => {
    const flights = new SingleFlight<string>();
    const failing = new Load();
    failing.result.reject(new Error('once'));
    await expect(flights.run('key', failing.run)).rejects.toThrow('once');
    const load = new Load();
    load.result.resolve('value');
    expect(await flights.run('key', load.run)).toBe('value');
  });

  it('a load that throws at once rejects for all', async () => {
    const flights = new SingleFlight<string>();
    const load = (): never => {
      throw new Error('at once');
    };
    const answers = await Promise.allSettled([flights.run('key', load), flights.run('key', load)]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('keys do not wait for each other', async () => {
    const flights = new SingleFlight<string>();
    const [slow, fast] = [new Load(), new Load()];
    const waiting = flights.run('slow', slow.run);
    fast.result.resolve('fast');
    expect(await flights.run('fast', fast.run)).toBe('fast');
    slow.result.resolve('slow');
    expect(await waiting).toBe('slow');
  });

  it.each<readonly [how: string, invalidate: (flights: SingleFlight<string>) => void]>([
    ['by key', (flights) => flights.invalidate('key')],
    ['by predicate', (flights) => flights.invalidateMatching((key) => key.startsWith('k'))],
  ])('an invalidated load is stale and not joined, %s', async (_how, invalidate) => {
    const flights = new SingleFlight<string>();
    const [old, fresh] = [new Load(), new Load()];
    const waiting = flights.run('key', old.run);
    await Promise.resolve();
    expect(old.isStale()).toBe(false);
    invalidate(flights);
    expect(old.isStale()).toBe(true);
    const next = flights.run('key', fresh.run);
    fresh.result.resolve('fresh');
    old.result.resolve('old');
    expect(await Promise.all([waiting, next])).toEqual(['old', 'fresh']);
  });

  it('a stale load that ends leaves the load after it to be joined', async () => {
    const flights = new SingleFlight<string>();
    const [old, fresh, unused] = [new Load(), new Load(), new Load()];
    const waiting = flights.run('key', old.run);
    flights.invalidate('key');
    const next = flights.run('key', fresh.run);
    old.result.resolve('old');
    await waiting;
    const joined = flights.run('key', unused.run);
    fresh.result.resolve('fresh');
    expect(await Promise.all([next, joined])).toEqual(['fresh', 'fresh']);
    expect(fresh.isStale()).toBe(true);
    expect(unused.runs).toBe(0);
  });

  it('a predicate leaves loads of other keys alone', async () => {
    const flights = new SingleFlight<string>();
    const load = new Load();
    const waiting = flights.run('other', load.run);
    await Promise.resolve();
    flights.invalidateMatching((key) => key === 'key');
    expect(load.isStale()).toBe(false);
    load.result.resolve('value');
    expect(await waiting).toBe('value');
  });
});
