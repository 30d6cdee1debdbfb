import { InvalidOptionError } from '../../../common/errors/index.js';
import { checkKeyText } from '../../../common/redis/index.js';

/** Most tags of one entry, and of one purge. */
export const MAX_TAGS = 256;

/** Slot of everything: no tag is in it. */
export const EVERYTHING_SLOT = 0;

const SLOTS = 65_536;
const NO_SLOTS: readonly number[] = [];

/**
 * The slots of the tags, each once. A slot stands for all tags that fall into it, so that the clocks
 * of all tags there will ever be take bounded room.
 *
 * @throws InvalidOptionError for a tag that no driver takes, or too many
 */
export function slotsOf(tags: readonly string[]): readonly number[] {
  if (tags.length === 0) return NO_SLOTS;
  if (tags.length > MAX_TAGS) {
    throw new InvalidOptionError('tags', `are ${tags.length}; the most are ${MAX_TAGS}`);
  }
  return [...new Set(tags.map((tag) => slotOf(checkKeyText(tag, 'tags'))))];
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv), of the UTF-16 units. */
function slotOf(tag: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < tag.length; at += 1) {
    const unit = tag.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01_00_01_93);
    hash = Math.imul(hash ^ (unit >> 8), 0x01_00_01_93);
  }
  return 1 + ((hash >>> 0) % (SLOTS - 1));
}
