import { eventually } from '../../support/eventually.js';
import { collector, type PubSubSubject, useNodes } from './pubsub-fixture.js';

const MEBIBYTE = 'x'.repeat(1024 * 1024 - 2);

/** What is sent, and what arrives. */
const PAYLOADS: readonly (readonly [sent: unknown, expected: unknown])[] = [
  [null, null],
  [false, false],
  ['', ''],
  [[], []],
  [{}, {}],
  ['ä🐎\u2028\0', 'ä🐎\u2028\0'],
  ['\ud83d', '\ud83d'],
  [new Date(0), '1970-01-01T00:00:00.000Z'],
  [new Map([[1, 2]]), {}],
  [Buffer.from('a'), { type: 'Buffer', data: [97] }],
  [Number.NaN, null],
  [{ a: undefined, b: 1 }, { b: 1 }],
  [JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  [
    { v: 1, id: 'x', publishedAt: 0 },
    { v: 1, id: 'x', publishedAt: 0 },
  ],
];

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const REFUSED: readonly unknown[] = [undefined, () => 1, Symbol('s'), { n: 1n }, cycle];

/** What arrives of a payload: the same on every driver. */
export function payloadSuite(subject: PubSubSubject): void {
  const open = useNodes(subject);

  it('a payload arrives, and is recorded, as what JSON makes of it', async () => {
    const { pubsub } = await open();
    const { received, handler, payloads } = collector();
    await pubsub.subscribe('c', handler);
    for (const [sent] of PAYLOADS) await pubsub.publish('c', sent);
    await eventually(() => received.length === PAYLOADS.length);
    expect(payloads()).toEqual(PAYLOADS.map(([, expected]) => expected));
    expect((await pubsub.recent({ channel: 'c' })).toReversed()).toEqual(received);
  });

  it('a payload of 1 MiB arrives where the option allows it', async () => {
    const { pubsub } = await open({ maxPayloadBytes: 1024 * 1024 });
    const { received, handler } = collector();
    await pubsub.subscribe('c', handler);
    await pubsub.publish('c', MEBIBYTE);
    await eventually(() => received.length === 1);
    expect(received[0]?.payload === MEBIBYTE).toBe(true);
    await expect(pubsub.publish('c', `${MEBIBYTE}x`)).rejects.toMatchObject({ option: 'payload' });
  });

  it('what has no JSON is refused, and nothing is sent', async () => {
    const { pubsub } = await open();
    for (const payload of REFUSED) {
      await expect(pubsub.publish('c', payload)).rejects.toMatchObject({
        code: 'E_INVALID_OPTION',
        option: 'payload',
      });
    }
    expect(await pubsub.recent()).toEqual([]);
  });

  it('a channel or pattern of wrong length is refused', async () => {
    const { pubsub } = await open();
    const { handler } = collector();
    const refusal = { code: 'E_INVALID_OPTION' };
    for (const text of ['', 'x'.repeat(1_025)]) {
      await expect(pubsub.publish(text, 1)).rejects.toMatchObject(refusal);
      await expect(pubsub.subscribe(text, handler)).rejects.toMatchObject(refusal);
      await expect(pubsub.subscribePattern(text, handler)).rejects.toMatchObject(refusal);
      await expect(pubsub.recent({ channel: text })).rejects.toMatchObject(refusal);
    }
  });
}
