import { Cluster, Redis } from 'ioredis';
import { fencedWrite, type FencedWrite } from '../../../src/modules/lock/index.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');

const CLIENTS: readonly (readonly [name: string, connect: () => Redis | Cluster])[] = [
  ['standalone', () => new Redis(standalone().url)],
  ['a cluster', () => new Cluster([...cluster().addresses])],
];

describe.each(CLIENTS)('writes with a fence on %s', (_name, connect) => {
  let client: Redis | Cluster;
  let base: string;
  beforeAll(() => {
    client = connect();
  });
  beforeEach(() => {
    base = `{${uniquePrefix()}}`;
  });
  afterAll(() => client.disconnect());

  const written = () => client.get(`${base}:report`);

  function write(fence: number, text: string, more: Partial<FencedWrite> = {}) {
    const keys = [`${base}:report`];
    const commands = [['SET', `${base}:report`, text]] as const;
    return fencedWrite(client, { guard: `${base}:guard`, fence, keys, commands, ...more });
  }

  it('are done in the order of their fences, and again by the same holder', async () => {
    expect(await write(7, 'one')).toBe('written');
    expect(await write(7, 'two')).toBe('written');
    expect(await write(8, 'three')).toBe('written');
    expect(await written()).toBe('three');
  });

  it('change nothing where a greater fence was there', async () => {
    await write(8, 'of the later holder');
    expect(await write(7, 'late')).toBe('stale');
    expect(await written()).toBe('of the later holder');
    expect(await write(8, 'again')).toBe('written');
  });

  it('compare all digits', async () => {
    const fence = 2 ** 53 - 1;
    await write(fence, 'one');
    expect(await write(fence - 1, 'late')).toBe('stale');
    expect(await write(fence, 'two')).toBe('written');
  });

  it('may be several commands, with numbers among their arguments', async () => {
    const keys = [`${base}:report`, `${base}:count`];
    const commands = [
      ['SET', `${base}:report`, 'ü "{}"', 'PX', 60_000],
      ['INCRBY', `${base}:count`, 5],
    ] as const;
    expect(await write(7, '', { keys, commands })).toBe('written');
    expect([await written(), await client.get(`${base}:count`)]).toEqual(['ü "{}"', '5']);
    expect(await client.pttl(`${base}:report`)).toBeGreaterThan(0);
  });

  it('leave the guard for as long as asked, a day otherwise', async () => {
    await write(7, 'one', { remember: '1h' });
    expect(await client.pttl(`${base}:guard`)).toBeLessThanOrEqual(3_600_000);
    await write(7, 'one');
    expect(await client.pttl(`${base}:guard`)).toBeGreaterThan(23 * 3_600_000);
  });

  it.each([0, -1, 1.5, NaN])('are refused for %p, which is no fence', async (fence) => {
    await expect(write(fence, 'one')).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
    expect(await written()).toBeNull();
  });

  it('say what the server says', async () => {
    const commands = [['SET', `${base}:report`]] as const;
    await expect(write(7, '', { commands })).rejects.toThrow('number of args');
  });
});

it('in a cluster all keys have to be in one slot', async () => {
  const client = new Cluster([...cluster().addresses]);
  const write = { guard: '{one}', fence: 1, keys: ['{other}'], commands: [] };
  try {
    await expect(fencedWrite(client, write)).rejects.toMatchObject({ code: 'E_LOCK_MISUSE' });
  } finally {
    client.disconnect();
  }
});
