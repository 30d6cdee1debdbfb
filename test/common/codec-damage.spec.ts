import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { CodecError, ValueCodec } from '../../src/common/codec/index.js';
import { PATIENCE_MS, sampling, SEED } from '../support/sampling.js';

const MEBIBYTE = 1024 * 1024;
const PLAIN = 0x11;
const DEFLATED = 0x12;

const plain = new ValueCodec({ maxBytes: 16 * MEBIBYTE });
const compressing = new ValueCodec({ maxBytes: 16 * MEBIBYTE, compressAboveBytes: 1 });

/** The code of the refusal; `undefined` when there was none. */
async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
}

describe('sizes', () => {
  const codec = new ValueCodec({ maxBytes: 1_000, compressAboveBytes: 100 });

  it('what is packed to more than maxBytes is refused, however small compressed', async () => {
    const refusal = { code: 'E_CODEC', bytes: 1_001, maxBytes: 1_000 };
    expect(() => codec.encode('a'.repeat(998))).toThrow(expect.objectContaining(refusal));
    expect(await codec.decode(await codec.encode('a'.repeat(997)))).toBe('a'.repeat(997));
  });

  it('a decompression bomb is E_CODEC', async () => {
    const packed = Buffer.concat([
      Buffer.of(0xc6, 0x01, 0x40, 0x00, 0x00),
      Buffer.alloc(20 * MEBIBYTE),
    ]);
    const bomb = Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(packed)]);
    expect(bomb.length).toBeLessThan(MEBIBYTE);
    expect(await codeOf(() => plain.decode(bomb))).toBe('E_CODEC');
    const large = new ValueCodec({ maxBytes: 21 * MEBIBYTE });
    expect(await large.decode(bomb)).toHaveLength(20 * MEBIBYTE);
  });

  it.each([
    ['an array', Buffer.of(PLAIN, 0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['a map', Buffer.of(PLAIN, 0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['a text', Buffer.of(PLAIN, 0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['bytes', Buffer.of(PLAIN, 0xc6, 0xff, 0xff, 0xff, 0xff)],
  ])('%s that claims four billion items and has none is E_CODEC', async (_name, bytes) => {
    expect(await codeOf(() => plain.decode(bytes))).toBe('E_CODEC');
  });
});

describe('bytes that are not ours', () => {
  const sample = {
    id: 1,
    tags: ['a', 'b'],
    at: new Date(0),
    big: 2n ** 70n,
    map: new Map([[1, 2]]),
  };

  it.each([
    ['no bytes', Buffer.alloc(0)],
    ['JSON', Buffer.from('{"a":1}')],
    ['an envelope of the future', Buffer.of(0x13, 0x01)],
    ['an envelope alone', Buffer.of(PLAIN)],
    ['an envelope alone, compressed', Buffer.of(DEFLATED)],
    ['something after the value', Buffer.of(PLAIN, 0x01, 0x01)],
    ['no deflated stream', Buffer.of(DEFLATED, 0xff, 0xff, 0xff)],
  ])('%s: E_CODEC', async (_name, bytes) => {
    expect(await codeOf(() => plain.decode(bytes))).toBe('E_CODEC');
  });

  it.each([
    ['plain', plain],
    ['compressed', compressing],
  ])('bytes cut off anywhere are E_CODEC, %s', async (_form, codec) => {
    const bytes = await codec.encode({ sample, text: 'text '.repeat(50) });
    for (let length = 0; length < bytes.length; length += 1) {
      const outcome = await codeOf(() => codec.decode(bytes.subarray(0, length)));
      expect([length, outcome]).toEqual([length, 'E_CODEC']);
    }
  });

  it(
    `damage is E_CODEC or another value, and harms no later one (TEST_SEED=${SEED})`,
    async () => {
      const bytes = Buffer.from(await plain.encode(sample));
      const damage = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
      const isContained = fc.asyncProperty(fc.array(damage, { maxLength: 8 }), async (spots) => {
        const damaged = Buffer.from(bytes);
        for (const { at, byte } of spots) damaged[at] = byte;
        expect([undefined, 'E_CODEC']).toContain(await codeOf(() => plain.decode(damaged)));
        expect(await plain.decode(bytes)).toStrictEqual(sample);
      });
      await fc.assert(isContained, sampling(0.5));
    },
    PATIENCE_MS,
  );
});
