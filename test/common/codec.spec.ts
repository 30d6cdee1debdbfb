import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { CodecError, ValueCodec } from '../../src/common/codec/index.js';
import { PATIENCE_MS, sampling, SEED } from '../support/sampling.js';

const MEBIBYTE = 1024 * 1024;
const PLAIN = 0x11;
const DEFLATED = 0x12;

const plain = new ValueCodec({ maxBytes: 16 * MEBIBYTE });
const compressing = new ValueCodec({ maxBytes: 16 * MEBIBYTE, compressAboveBytes: 1 });

async function roundTrip(codec: ValueCodec, value: unknown): Promise<unknown> {
  return codec.decode(await codec.encode(value));
}

async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
}

function nested(depth: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { value };
  return value;
}

const VALUES: readonly (readonly [name: string, value: unknown])[] = [
  ['null', null],
  ['undefined', undefined],
  ['true and false', [true, false]],
  ['whole numbers', [0, 1, -1, 127, 128, -129, 65_536, 2 ** 31, 2 ** 32, -(2 ** 31) - 1, 2 ** 53]],
  ['fractions', [0.1, -0.5, 1e300, 5e-324, Number.MAX_VALUE]],
  ['NaN and infinities', [NaN, Infinity, -Infinity]],
  ['small bigints', [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
  ['bigints above 64 bit', [2n ** 63n, 2n ** 64n, -(2n ** 70n), 2n ** 200n + 1n]],
  ['texts', ['', 'a', ' ', '\0', 'x'.repeat(70_000), '"\\\n']],
  ['unicode', ['žluťoučký', '🐎', '👩‍👩‍👧', '\u202e', 'e\u0301 is not é', '漢字', '\uffff']],
  ['dates', [new Date(0), new Date(-1), new Date('2026-11-05T12:34:56.789Z'), new Date(8.64e15)]],
  [
    'a map',
    new Map<unknown, unknown>([
      [1, 'number'],
      ['1', 'text'],
      [new Date(0), { a: 1 }],
    ]),
  ],
  ['a set', new Set<unknown>([1, '1', undefined, 2n ** 80n])],
  ['a buffer', Buffer.from([0, 1, 127, 128, 255])],
  ['an empty buffer', Buffer.alloc(0)],
  ['octets', [new Uint8Array([1, 255]), new Uint8Array(0)]],
  ['nested undefined', { a: undefined, list: [undefined, 1], map: new Map([['k', undefined]]) }],
  ['empty containers', [{}, [], new Map(), new Set()]],
  [
    'keys with a meaning',
    { '': 1, constructor: 2, toString: 3, hasOwnProperty: 4, length: 5, 0: 6 },
  ],
  ['300 keys', Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`key ${at}`, at]))],
  ['1000 levels', nested(1_000)],
  ['an error', new RangeError('with a message')],
  ['a regular expression', /a+/gi],
];

const MEGABYTES: readonly (readonly [name: string, value: unknown])[] = [
  ['bytes', randomBytes(MEBIBYTE)],
  ['text', randomBytes(MEBIBYTE / 2).toString('hex')],
  [
    'rows',
    Array.from({ length: 4_600 }, (_, id) => ({
      id,
      name: `row ${id} `.repeat(25),
      at: new Date(id),
    })),
  ],
];

describe.each([
  ['plain', plain, PLAIN],
  ['compressed', compressing, DEFLATED],
])('values, %s', (_form, codec, envelope) => {
  it.each(VALUES)('%s comes back as it went in', async (_name, value) => {
    expect(await roundTrip(codec, value)).toStrictEqual(value);
  });

  it.each(MEGABYTES)('a megabyte of %s comes back as it went in', async (_name, value) => {
    expect(await roundTrip(codec, value)).toStrictEqual(value);
  });

  it('typed arrays come back with their type', async () => {
    const arrays = [
      new Int16Array([-1, 1]),
      new Uint32Array([2 ** 32 - 1]),
      new Float64Array([0.1, NaN, -Infinity]),
      new BigInt64Array([-1n]),
    ];
    const found = (await roundTrip(codec, arrays)) as typeof arrays;
    const described = (list: typeof arrays) => list.map((one) => [one.constructor.name, [...one]]);
    expect(described(found)).toEqual(described(arrays));
  });

  it('an invalid date stays one', async () => {
    const date = (await roundTrip(codec, new Date(NaN))) as Date;
    expect([date instanceof Date, date.getTime()]).toEqual([true, NaN]);
  });

  it('the first byte says how the rest is packed', async () => {
    const bytes = await codec.encode('long enough to gain from compression '.repeat(9));
    expect(bytes[0]).toBe(envelope);
  });

  it('what is decoded shares no memory with the bytes', async () => {
    const bytes = await codec.encode({ buffer: Buffer.from('same'), view: new Uint8Array([1, 2]) });
    const first = (await codec.decode(bytes)) as { buffer: Buffer; view: Uint8Array };
    first.buffer.fill(0);
    first.view.fill(0);
    const expected = { buffer: Buffer.from('same'), view: new Uint8Array([1, 2]) };
    expect(await codec.decode(bytes)).toStrictEqual(expected);
  });

  it('encoded bytes stay as they are when more is encoded', async () => {
    const first = await codec.encode({ name: 'first' });
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => codec.encode(`other ${at}`.repeat(99))),
    );
    expect(await codec.decode(first)).toStrictEqual({ name: 'first' });
  });

  it(
    `any JSON comes back as it went in (TEST_SEED=${SEED})`,
    async () => {
      const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
      const isFaithful = fc.asyncProperty(json, async (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(await roundTrip(codec, value)).toEqual(expected);
      });
      await fc.assert(isFaithful, sampling(0.5));
    },
    PATIENCE_MS,
  );

  it.each([
    ['a symbol', { deep: [Symbol('s')] }],
    ['a function', { deep: { method: () => 1 } }],
    ['a cycle', cycle()],
  ])('%s is refused with E_CODEC, and the codec goes on working', async (_name, value) => {
    expect(await codeOf(() => codec.encode(value))).toBe('E_CODEC');
    expect(await roundTrip(codec, { after: 1 })).toEqual({ after: 1 });
  });
});

function cycle(): object {
  const self: { self?: object } = {};
  self.self = self;
  return self;
}

describe('what changes on the way, as documented', () => {
  class Money {
    constructor(readonly cents: number) {}
  }

  it.each<readonly [name: string, value: unknown, found: unknown]>([
    ['a class instance becomes a plain object', new Money(5), { cents: 5 }],
    ['an object with toJSON becomes what it gives', new URL('http://a/'), 'http://a/'],
    ['-0 becomes 0', -0, 0],
    ['a lone surrogate becomes U+FFFD', '\ud83d'.repeat(100), '\ufffd'.repeat(100)],
    ['__proto__ is renamed', JSON.parse('{"__proto__":{"a":1}}'), { __proto_: { a: 1 } }],
  ])('%s', async (_title, value, found) => {
    expect(await roundTrip(plain, value)).toStrictEqual(found);
  });
});

describe('compression', () => {
  const codec = new ValueCodec({ maxBytes: MEBIBYTE, compressAboveBytes: 1_000 });
  // Three bytes of MessagePack say that a text of more than 255 bytes follows.
  const textOf = (packedBytes: number): string => 'a'.repeat(packedBytes - 3);

  it.each([
    [999, PLAIN],
    [1_000, DEFLATED],
    [100_000, DEFLATED],
  ])('a packed value of %i bytes has the envelope %i', async (size, envelope) => {
    const bytes = await codec.encode(textOf(size));
    expect(bytes[0]).toBe(envelope);
    expect(bytes.length < size).toBe(envelope === DEFLATED);
    expect(await codec.decode(bytes)).toBe(textOf(size));
  });

  it('is left out where it would gain nothing', async () => {
    const noise = randomBytes(10_000);
    const bytes = await codec.encode(noise);
    expect(bytes[0]).toBe(PLAIN);
    expect(await codec.decode(bytes)).toEqual(noise);
  });

  it('is never used unless asked for, but always understood', async () => {
    const text = 'a'.repeat(100_000);
    expect((await plain.encode(text))[0]).toBe(PLAIN);
    expect(await plain.decode(await codec.encode(text))).toBe(text);
  });
});
