import { decodePart, encodeTag } from '../../../common/redis/index.js';
import type { StoredEntry } from '../cache.driver.js';
import { standingOf, type TagClocks } from './tag-clocks.js';
import { MAX_TAGS } from './tag-slots.js';

/** First byte of what is stored under a key; anything else counts as absent. */
export const KIND = { marker: 1, entry: 2 } as const;

/** Where the parts begin; see `CACHE_ENTRY`. */
export const AT = {
  revision: 1,
  id: 9,
  epoch: 17,
  end: 25,
  slotCount: 33,
  tagsLength: 35,
  slots: 39,
} as const;

/** Of a revision, and of the id of the clocks. */
export const ID_BYTES = 8;

const BYTES_OF_SLOT = 2;
const TAG_SEPARATOR = ' ';

/** A value as it was read: at this time of the server, beside these clocks. */
export interface ReadValue {
  readonly value: Buffer | undefined;
  readonly nowMs: number;
  readonly clocks: TagClocks;
}

/** What follows the end of an entry: the number of slots, the slots, and the tags. */
export function packTags(tags: readonly string[], slots: readonly number[]): Buffer {
  const text = Buffer.from(tags.map(encodeTag).join(TAG_SEPARATOR), 'latin1');
  const head = Buffer.alloc(AT.slots - AT.slotCount + slots.length * BYTES_OF_SLOT);
  head.writeUInt16BE(slots.length);
  head.writeUInt32BE(text.length, AT.tagsLength - AT.slotCount);
  for (const [index, slot] of slots.entries()) {
    head.writeUInt16BE(slot, AT.slots - AT.slotCount + index * BYTES_OF_SLOT);
  }
  return Buffer.concat([head, text]);
}

/** What was last written there: `undefined` where nothing of ours is. */
export function revisionOf(value: Buffer | undefined): Buffer | undefined {
  const isOurs = value?.[0] === KIND.marker || value?.[0] === KIND.entry;
  return isOurs ? value.subarray(AT.revision, AT.revision + ID_BYTES) : undefined;
}

/** Whether it is an entry, and has the header of one; what is damaged is none. */
export function isEntry(value: Buffer | undefined): value is Buffer {
  if (value?.[0] !== KIND.entry || value.length < AT.slots) return false;
  if (value.readUInt16BE(AT.slotCount) > MAX_TAGS || value.length < tagsAt(value)) return false;
  const [epoch, end] = [value.readDoubleBE(AT.epoch), value.readDoubleBE(AT.end)];
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(end);
}

/** The slots of the tags of an entry. */
export function readSlots(value: Buffer): readonly number[] {
  const count = value.readUInt16BE(AT.slotCount);
  return Array.from({ length: count }, (_, index) =>
    value.readUInt16BE(AT.slots + index * BYTES_OF_SLOT),
  );
}

/** Is an entry there that neither its time nor a purge has ended? Its header is enough to tell. */
export function isLive({ value, nowMs, clocks }: ReadValue): boolean {
  if (!isEntry(value) || value.readDoubleBE(AT.end) <= nowMs) return false;
  return standingOf(momentOf(value), clocks) !== 'outdated';
}

/** The entry for those who asked; `undefined` where there is none any more. */
export function entryOf(read: ReadValue): StoredEntry | undefined {
  const { value, nowMs, clocks } = read;
  if (value === undefined || !isLive(read)) return undefined;
  const start = tagsAt(value);
  const end = start + value.readUInt32BE(AT.tagsLength);
  if (end > value.length) return undefined;
  return {
    bytes: value.subarray(end),
    remainingMs: value.readDoubleBE(AT.end) - nowMs,
    tags: start === end ? [] : readTags(value.toString('latin1', start, end)),
    isPurged: standingOf(momentOf(value), clocks) === 'purged',
  };
}

function momentOf(value: Buffer) {
  return {
    id: value.toString('latin1', AT.id, AT.id + ID_BYTES),
    epoch: value.readDoubleBE(AT.epoch),
  };
}

function tagsAt(value: Buffer): number {
  return AT.slots + value.readUInt16BE(AT.slotCount) * BYTES_OF_SLOT;
}

function readTags(text: string): readonly string[] {
  return text
    .split(TAG_SEPARATOR)
    .map((tag) => (tag.includes('%') ? (decodePart(tag) ?? tag) : tag));
}
