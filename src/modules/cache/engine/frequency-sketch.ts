const ROWS = 4;
const COUNTERS_PER_ENTRY = 4;
const MAX_WIDTH = 2 ** 22;
const HIGHEST = 15;
/** Uses that are counted before all counts are halved, for each entry. */
const SAMPLES_PER_ENTRY = 10;

/**
 * How often keys were used lately, about: a count-min sketch (Cormode, Muthukrishnan 2005) with
 * conservative update. After so many uses all counts are halved, so that what was popular once is
 * forgotten (the reset of Einziger, Friedman, Manes: TinyLFU, ACM TOS 2017, section 3.3).
 *
 * 16 to 32 bytes for each entry; counting one key allocates nothing.
 */
export class FrequencySketch {
  readonly #counters: Uint8Array;
  readonly #width: number;
  readonly #samples: number;
  #counted = 0;
  /** Where the counters of the key are that was located last. */
  readonly #at = new Uint32Array(ROWS);

  constructor(entries: number) {
    const wanted = Math.max(16, entries * COUNTERS_PER_ENTRY);
    this.#width = Math.min(MAX_WIDTH, 2 ** Math.ceil(Math.log2(wanted)));
    this.#samples = (this.#width / COUNTERS_PER_ENTRY) * SAMPLES_PER_ENTRY;
    this.#counters = new Uint8Array(ROWS * this.#width);
  }

  /** Never less than the uses since the last halving, up to 15. */
  estimate(key: string): number {
    this.#locate(key);
    return this.#least();
  }

  count(key: string): void {
    this.#locate(key);
    const least = this.#least();
    if (least < HIGHEST) {
      // An iterator would be one object for each use.
      for (let row = 0; row < ROWS; row += 1) {
        const at = this.#at[row] ?? 0;
        if (this.#counters[at] === least) this.#counters[at] = least + 1;
      }
    }
    this.#counted += 1;
    if (this.#counted >= this.#samples) this.#halve();
  }

  #halve(): void {
    const counters = this.#counters;
    for (let at = 0; at < counters.length; at += 1) counters[at] = (counters[at] ?? 0) >> 1;
    this.#counted >>= 1;
  }

  #least(): number {
    let least = HIGHEST;
    for (let row = 0; row < ROWS; row += 1) {
      least = Math.min(least, this.#counters[this.#at[row] ?? 0] ?? 0);
    }
    return least;
  }

  /** One hash stands for four (Kirsch, Mitzenmacher: Less Hashing, Same Performance, 2006). */
  #locate(key: string): void {
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at += 1) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    }
    const first = mixed(hash);
    const step = mixed(first ^ 0x9e3779b9) | 1;
    for (let row = 0; row < ROWS; row += 1) {
      const column = (first + Math.imul(row, step)) & (this.#width - 1);
      this.#at[row] = row * this.#width + column;
    }
  }
}

/** The last step of MurmurHash3: keys that differ in one character differ everywhere. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}
