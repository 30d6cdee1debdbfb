import { startMasters } from '../../modules/lock/quorum-fixture.js';
import { useRedis, useStarted } from '../../support/redis/shared-redis.js';
import { acquireSuite } from './acquire.suite.js';
import { expirySuite } from './expiry.suite.js';
import { extendSuite } from './extend.suite.js';
import { fenceSuite } from './fence.suite.js';
import { holdAtLeastSuite } from './hold-at-least.suite.js';
import { keysSuite } from './keys.suite.js';
import { listSuite } from './list.suite.js';
import { type OpenLocks, openMemory, openOnQuorum, openOnRedis } from './lock-fixtures.js';
import { parallelSuite } from './parallel.suite.js';
import { queueSuite } from './queue.suite.js';
import { releaseSuite } from './release.suite.js';
import { semaphoreSuite } from './semaphore.suite.js';
import { semaphoreQueueSuite } from './semaphore-queue.suite.js';
import { severalKeysSuite } from './several-keys.suite.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');
const masters = useStarted(startMasters);

const SUBJECTS: readonly (readonly [name: string, open: OpenLocks])[] = [
  ['memory', openMemory],
  ['redis standalone', () => openOnRedis({ url: standalone().url }, 'standalone')],
  ['redis cluster', () => openOnRedis({ cluster: cluster().addresses }, 'cluster')],
  ['a quorum of three masters', () => openOnQuorum(masters().nodes)],
];

/** A master hands over what is its own, not a lock that others have as well: nobody queues there. */
const ON_ONE_MASTER: readonly (readonly [capability: string, suite: (open: OpenLocks) => void])[] =
  [
    ['waiting', queueSuite],
    ['semaphore', semaphoreSuite],
    ['waiting for permits', semaphoreQueueSuite],
  ];
const QUORUM: ReadonlySet<string> = new Set(['a quorum of three masters']);

const SUITES = [
  ['acquire', acquireSuite],
  ['extend', extendSuite],
  ['release', releaseSuite],
  ['expiry', expirySuite],
  ['fence', fenceSuite],
  ['held at least', holdAtLeastSuite],
  ['several keys', severalKeysSuite],
  ['what operators see', listSuite],
  ['keys', keysSuite],
  ['parallel callers', parallelSuite],
] as const;

describe.each(SUBJECTS)('lock on %s', (name, open) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(open));
  if (QUORUM.has(name)) return;
  describe.each(ON_ONE_MASTER)('%s', (_capability, suite) => suite(open));
});
