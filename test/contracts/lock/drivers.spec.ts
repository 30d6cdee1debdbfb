import { useRedis } from '../../support/redis/shared-redis.js';
import { acquireSuite } from './acquire.suite.js';
import { expirySuite } from './expiry.suite.js';
import { extendSuite } from './extend.suite.js';
import { fenceSuite } from './fence.suite.js';
import { keysSuite } from './keys.suite.js';
import { listSuite } from './list.suite.js';
import { type OpenLocks, openMemory, openOnRedis } from './lock-fixtures.js';
import { parallelSuite } from './parallel.suite.js';
import { queueSuite } from './queue.suite.js';
import { releaseSuite } from './release.suite.js';
import { severalKeysSuite } from './several-keys.suite.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');

const SUBJECTS: readonly (readonly [name: string, open: OpenLocks])[] = [
  ['memory', openMemory],
  ['redis standalone', () => openOnRedis({ url: standalone().url }, 'standalone')],
  ['redis cluster', () => openOnRedis({ cluster: cluster().addresses }, 'cluster')],
];

const SUITES = [
  ['acquire', acquireSuite],
  ['extend', extendSuite],
  ['release', releaseSuite],
  ['expiry', expirySuite],
  ['fence', fenceSuite],
  ['waiting', queueSuite],
  ['several keys', severalKeysSuite],
  ['what operators see', listSuite],
  ['keys', keysSuite],
  ['parallel callers', parallelSuite],
] as const;

describe.each(SUBJECTS)('lock on %s', (_name, open) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(open));
});
