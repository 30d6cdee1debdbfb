import { parseInfo } from '../../../src/modules/health/redis-info.js';

const INFO = [
  '# Server',
  'redis_version:7.0.15',
  'executable:/usr/bin/redis-server',
  '',
  '# Clients',
  'connected_clients:12',
  '',
  '# Memory',
  'used_memory:1251032',
  'used_memory_human:1.19M',
  'maxmemory:0',
  'maxmemory_policy:noeviction',
  'mem_fragmentation_ratio:5.71',
  '',
  '# Replication',
  'role:master',
  'master_failover_state:no-failover',
  '',
];

const EVERYTHING = {
  version: '7.0.15',
  role: 'master',
  usedBytes: 1_251_032,
  maxBytes: 0,
  fragmentationRatio: 5.71,
  evictionPolicy: 'noeviction',
  connectedClients: 12,
};

const NOTHING = {
  version: undefined,
  role: undefined,
  usedBytes: undefined,
  maxBytes: undefined,
  fragmentationRatio: undefined,
  evictionPolicy: undefined,
  connectedClients: undefined,
};

describe('parseInfo', () => {
  it.each([
    ['as Redis sends it', '\r\n'],
    ['with the line ends of a proxy', '\n'],
  ])('reads what a health page needs, %s', (_what, lineEnd) => {
    expect(parseInfo(INFO.join(lineEnd))).toEqual(EVERYTHING);
  });

  it.each([
    ['', NOTHING],
    ['# Server\r\n', NOTHING],
    ['no colon here', NOTHING],
    ['# redis_version:7.0.15', NOTHING],
    ['role:replica', { ...NOTHING, role: 'replica' }],
    ['used_memory:', NOTHING],
    ['maxmemory_policy:volatile-lru:extra', { ...NOTHING, evictionPolicy: 'volatile-lru:extra' }],
  ])('reads what there is of %j', (text, expected) => {
    expect(parseInfo(text)).toEqual(expected);
  });
});
