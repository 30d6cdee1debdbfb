import type { PurgeKind, PurgeScope } from '../cache.driver.js';
import type { LoadMoment, TagClocks } from './tag-clocks.js';
import { EVERYTHING_SLOT, slotsOf } from './tag-slots.js';

/** These are never lost while the process lives, and the entries go with them. */
const ID = 'memory';

/** The clocks of tags in this process: by slots, so that they take bounded room as on Redis. */
export class MemoryTagClocks {
  readonly #hard = new Map<number, number>();
  readonly #soft = new Map<number, number>();
  #epoch = 0;

  /** The moment of a load that begins now. */
  get now(): LoadMoment {
    return { id: ID, epoch: this.#epoch };
  }

  /** What the entry with tags in these slots goes by. */
  of(slots: readonly number[]): TagClocks {
    let hard = this.#hard.get(EVERYTHING_SLOT) ?? 0;
    let soft = this.#soft.get(EVERYTHING_SLOT) ?? 0;
    for (const slot of slots) {
      hard = Math.max(hard, this.#hard.get(slot) ?? 0);
      soft = Math.max(soft, this.#soft.get(slot) ?? 0);
    }
    return { id: ID, hard, soft };
  }

  /** @throws InvalidOptionError for a tag that no driver takes */
  purge(scope: PurgeScope, kind: PurgeKind): void {
    const slots = scope === 'everything' ? [EVERYTHING_SLOT] : slotsOf(scope);
    this.#epoch += 1;
    const marks = kind === 'hard' ? this.#hard : this.#soft;
    for (const slot of slots) marks.set(slot, this.#epoch);
  }
}
