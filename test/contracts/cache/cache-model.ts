import fc from 'fast-check';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';

/** What the contract means, in the plainest form: a map, and a regular expression for a pattern. */
export class CacheModel implements CacheDriver {
  readonly #entries = new Map<string, { readonly bytes: Buffer; readonly endsAt: number }>();
  #now = 0;

  advance(ms: number): void {
    this.#now += ms;
    for (const [key, { endsAt }] of this.#entries)
      if (endsAt < this.#now) this.#entries.delete(key);
  }

  async get(key: string): Promise<Buffer | undefined> {
    return this.#entries.get(key)?.bytes;
  }

  async remainingMs(key: string): Promise<number | undefined> {
    const entry = this.#entries.get(key);
    return entry === undefined ? undefined : entry.endsAt - this.#now;
  }

  async set(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    this.#entries.set(key, { bytes, endsAt: this.#now + ttlMs });
  }

  async delete(keys: readonly string[]): Promise<number> {
    return keys.filter((key) => this.#entries.delete(key)).length;
  }

  async deleteMatching(pattern: string): Promise<number> {
    const matching = expressionOf(pattern);
    return this.delete([...this.#entries.keys()].filter((key) => matching.test(key)));
  }
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

/** One call, or time that passes. */
export type Step =
  | { readonly call: 'get' | 'remainingMs'; readonly key: string }
  | { readonly call: 'set'; readonly key: string; readonly value: string; readonly ttlMs: number }
  | { readonly call: 'delete'; readonly keys: readonly string[] }
  | { readonly call: 'deleteMatching'; readonly pattern: string }
  | { readonly call: 'advance'; readonly ms: number };

/** Runs the steps and gives every answer, an error as its code. */
export async function answersOf(
  steps: readonly Step[],
  driver: CacheDriver,
  advance: (ms: number) => void,
): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  for (const step of steps) answers.push(await answerOf(step, driver, advance));
  return answers;
}

async function answerOf(step: Step, driver: CacheDriver, advance: (ms: number) => void) {
  switch (step.call) {
    case 'get':
      return (await driver.get(step.key))?.toString('hex');
    case 'remainingMs':
      return driver.remainingMs(step.key);
    case 'set':
      return driver.set(step.key, Buffer.from(step.value), step.ttlMs);
    case 'delete':
      return driver.delete(step.keys);
    case 'deleteMatching':
      return driver.deleteMatching(step.pattern);
    case 'advance':
      return advance(step.ms);
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

const calls = {
  get: fc.record({ call: fc.constant('get' as const), key }),
  remainingMs: fc.record({ call: fc.constant('remainingMs' as const), key }),
  set: fc.record({ call: fc.constant('set' as const), key, value: fc.string(), ttlMs }),
  delete: fc.record({
    call: fc.constant('delete' as const),
    keys: fc.array(key, { maxLength: 4 }),
  }),
  deleteMatching: fc.record({ call: fc.constant('deleteMatching' as const), pattern }),
  advance: fc.record({ call: fc.constant('advance' as const), ms: fc.nat(60) }),
};

/** Sequences in which time passes, for drivers that live by a clock of ours. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    calls.get,
    calls.remainingMs,
    calls.set,
    calls.set,
    calls.delete,
    calls.deleteMatching,
    calls.advance,
  ),
  { maxLength: 40 },
);

/** Sequences for a server whose time nobody moves: entries outlive the test. */
export const timelessSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    calls.get,
    calls.set.map((step) => ({ ...step, ttlMs: 3_600_000 })),
    calls.delete,
    calls.deleteMatching,
  ),
  { maxLength: 40 },
);
