import fc from 'fast-check';
import type {
  BegunLoad,
  CacheDriver,
  LoadPermit,
  NewEntry,
  PurgeKind,
  PurgeScope,
  StoredEntry,
} from '../../../src/modules/cache/cache.driver.js';

interface ModelEntry {
  readonly bytes: Buffer;
  readonly tags: readonly string[];
  readonly endsAt: number;
  isPurged: boolean;
}

/** Loads under way know what outdated them: nothing is compared afterwards. */
interface ModelLoad {
  readonly key: string;
  isOutdated: boolean;
  readonly purged: { readonly scope: PurgeScope; readonly kind: PurgeKind }[];
}

/** What the contract means, in the plainest form: everything is looked through at each change. */
export class CacheModel implements CacheDriver {
  readonly #entries = new Map<string, ModelEntry>();
  readonly #loads: ModelLoad[] = [];
  #now = 0;

  advance(ms: number): void {
    this.#now += ms;
    for (const [key, { endsAt }] of this.#entries)
      if (endsAt <= this.#now) this.#entries.delete(key);
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { endsAt, ...rest } = entry;
    return { ...rest, remainingMs: endsAt - this.#now };
  }

  async begin(key: string): Promise<BegunLoad> {
    const permit: ModelLoad = { key, isOutdated: false, purged: [] };
    this.#loads.push(permit);
    return { permit, entry: await this.get(key) };
  }

  async set(key: string, { bytes, ttlMs, tags = [] }: NewEntry, permit?: LoadPermit) {
    const load = this.#loads.find((each) => each === permit);
    const met = (load?.purged ?? []).filter(({ scope }) => meets(tags, scope));
    if (load && (load.isOutdated || load.key !== key)) return 'outdated';
    if (met.some(({ kind }) => kind === 'hard')) return 'outdated';
    this.#entries.set(key, { bytes, tags, endsAt: this.#now + ttlMs, isPurged: met.length > 0 });
    this.#outdate((each) => each === key);
    return 'stored';
  }

  async cancel(key: string, permit: LoadPermit, tags: readonly string[]) {
    const load = this.#loads.find((each) => each === permit);
    if (load === undefined || load.isOutdated || load.key !== key) return 'outdated';
    const isPurged = load.purged.some(({ scope, kind }) => kind === 'hard' && meets(tags, scope));
    return isPurged ? 'outdated' : 'current';
  }

  async delete(keys: readonly string[]): Promise<number> {
    this.#outdate((key) => keys.includes(key));
    return keys.filter((key) => this.#entries.delete(key)).length;
  }

  async deleteMatching(pattern: string): Promise<number> {
    const matching = expressionOf(pattern);
    this.#outdate((key) => matching.test(key));
    return this.delete([...this.#entries.keys()].filter((key) => matching.test(key)));
  }

  async purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    for (const { purged } of this.#loads) purged.push({ scope, kind });
    for (const [key, entry] of this.#entries) {
      if (!meets(entry.tags, scope)) continue;
      if (kind === 'hard') this.#entries.delete(key);
      else entry.isPurged = true;
    }
  }

  #outdate(isMeant: (key: string) => boolean): void {
    for (const load of this.#loads) if (isMeant(load.key)) load.isOutdated = true;
  }
}

function meets(tags: readonly string[], scope: PurgeScope): boolean {
  return scope === 'everything' || tags.some((tag) => scope.includes(tag));
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/\\[^]|[^]/gu, (piece) => {
    if (piece === '*') return '[^]*';
    if (piece === '?') return '[^]';
    const literal = piece.length > 1 && piece.startsWith('\\') ? piece.slice(1) : piece;
    return `(?:${literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')})`;
  });
  return new RegExp(`^(?:${source})$`, 'u');
}

/** One call, or time that passes. `load` counts the loads begun so far, from the latest one back. */
export type Step =
  | { readonly call: 'get' | 'begin'; readonly key: string }
  | {
      readonly call: 'set';
      readonly key: string;
      readonly value: string;
      readonly ttlMs: number;
      readonly tags: readonly string[];
      readonly load: number | undefined;
    }
  | { readonly call: 'cancel'; readonly load: number; readonly tags: readonly string[] }
  | { readonly call: 'delete'; readonly keys: readonly string[] }
  | { readonly call: 'deleteMatching'; readonly pattern: string }
  | { readonly call: 'purge'; readonly scope: PurgeScope; readonly kind: PurgeKind }
  | { readonly call: 'advance'; readonly ms: number };

interface Load {
  readonly key: string;
  readonly permit: LoadPermit;
}

/** What is done to which driver, and how its time passes where we move it. */
export interface Trial {
  readonly driver: CacheDriver;
  /** @default the time is not ours, and what remains of it is not compared */
  readonly advance?: (ms: number) => void;
}

/** Runs the steps and gives every answer. */
export async function answersOf(steps: readonly Step[], trial: Trial): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  const loads: Load[] = [];
  for (const step of steps) answers.push(await answerOf(step, trial, loads));
  return answers;
}

async function answerOf(step: Step, { driver, advance }: Trial, loads: Load[]) {
  const shown = (entry: StoredEntry | undefined) =>
    entry && {
      ...entry,
      bytes: entry.bytes.toString('hex'),
      remainingMs: advance ? entry.remainingMs : undefined,
    };
  switch (step.call) {
    case 'get':
      return shown(await driver.get(step.key));
    case 'begin': {
      const { permit, entry } = await driver.begin(step.key);
      loads.unshift({ key: step.key, permit });
      return shown(entry);
    }
    case 'set': {
      const { value, ttlMs, tags } = step;
      const load = step.load === undefined ? undefined : loads[step.load];
      const entry = { bytes: Buffer.from(value), ttlMs, tags };
      return driver.set(load?.key ?? step.key, entry, load?.permit);
    }
    case 'cancel': {
      // A load ends once; what comes of its permit afterwards is left open.
      const [load] = loads.splice(step.load, 1);
      return load && driver.cancel(load.key, load.permit, step.tags);
    }
    case 'delete':
      return driver.delete(step.keys);
    case 'deleteMatching':
      return driver.deleteMatching(step.pattern);
    case 'purge':
      return driver.purge(step.scope, step.kind);
    case 'advance':
      return advance?.(step.ms);
  }
}

/** Few and similar, so that calls meet; with everything that means something to a key or a glob. */
const CHARACTERS = ['a', 'b', '*', '?', '\\', ':', '%', '25', '{', '}', '[', '🐎', '\ud83d', '\n'];

const piece = fc.constantFrom(...CHARACTERS);
const key = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(''));
const pattern = fc
  .array(
    fc.oneof({ weight: 2, arbitrary: fc.constantFrom('*', '?') }, { weight: 3, arbitrary: piece }),
    {
      maxLength: 4,
    },
  )
  .map((pieces) => pieces.join(''));
const ttlMs = fc.integer({ min: 1, max: 100 });

/** None of them shares a slot with another. */
const tag = fc.constantFrom('t', 'u', 'v w', '%', '🐎');
const tags = fc.uniqueArray(tag, { maxLength: 3 });

const calls = {
  get: fc.record({ call: fc.constant('get' as const), key }),
  begin: fc.record({ call: fc.constant('begin' as const), key }),
  set: fc.record({
    call: fc.constant('set' as const),
    key,
    value: fc.string(),
    ttlMs,
    tags,
    load: fc.option(fc.nat(3), { nil: undefined }),
  }),
  cancel: fc.record({ call: fc.constant('cancel' as const), load: fc.nat(3), tags }),
  delete: fc.record({
    call: fc.constant('delete' as const),
    keys: fc.array(key, { maxLength: 4 }),
  }),
  deleteMatching: fc.record({ call: fc.constant('deleteMatching' as const), pattern }),
  purge: fc.record({
    call: fc.constant('purge' as const),
    scope: fc.oneof({ weight: 4, arbitrary: tags }, fc.constant('everything' as const)),
    kind: fc.constantFrom('hard' as const, 'soft' as const),
  }),
  advance: fc.record({ call: fc.constant('advance' as const), ms: fc.nat(60) }),
};

/** Sequences in which time passes, for drivers that live by a clock of ours. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    calls.get,
    calls.begin,
    calls.set,
    calls.set,
    calls.cancel,
    calls.delete,
    calls.deleteMatching,
    calls.purge,
    calls.advance,
  ),
  { maxLength: 40 },
);

/** Sequences for a server whose time nobody moves: entries outlive the test. */
export const timelessSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    calls.get,
    calls.begin,
    calls.set.map((step) => ({ ...step, ttlMs: 3_600_000 })),
    calls.set.map((step) => ({ ...step, ttlMs: 3_600_000 })),
    calls.cancel,
    calls.delete,
    calls.deleteMatching,
    calls.purge,
  ),
  { maxLength: 40 },
);
