import { useRedis } from '../../support/redis/shared-redis.js';
import {
  type ByteStoreSubject,
  type CacheSubject,
  openIoredisYet,
  openMemory,
  openOnRedis,
} from './cache-fixtures.js';
import { deleteMatchingSuite } from './delete-matching.suite.js';
import { deleteSuite } from './delete.suite.js';
import { entriesSuite } from './entries.suite.js';
import { expirySuite } from './expiry.suite.js';
import { fenceSuite } from './fence.suite.js';
import { keyFidelitySuite } from './key-fidelity.suite.js';
import { parallelSuite } from './parallel.suite.js';
import { purgeSuite } from './purge.suite.js';
import { valuesSuite } from './values.suite.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');

const onStandalone = () => ({ url: standalone().url });
const onCluster = () => ({ cluster: cluster().addresses });

const DRIVERS: readonly (readonly [name: string, subject: CacheSubject])[] = [
  ['memory', { open: openMemory }],
  ['redis standalone', { open: () => openOnRedis(onStandalone(), 'standalone') }],
  ['redis cluster', { open: () => openOnRedis(onCluster(), 'cluster') }],
];

const BYTE_STORES: readonly (readonly [name: string, subject: ByteStoreSubject])[] = [
  ...DRIVERS,
  [
    'cache-manager-ioredis-yet on redis standalone',
    { open: () => openIoredisYet(onStandalone(), 'standalone'), textOnly: true },
  ],
  [
    'cache-manager-ioredis-yet on a cluster',
    { open: () => openIoredisYet(onCluster(), 'cluster'), textOnly: true },
  ],
];

/** What a store of bytes does, and a driver as well. */
const SUITES = [
  ['values', valuesSuite],
  ['expiry', expirySuite],
  ['delete', deleteSuite],
  ['deleteMatching', deleteMatchingSuite],
  ['key fidelity', keyFidelitySuite],
  ['parallel callers', parallelSuite],
] as const;

const DRIVER_SUITES = [
  ['entries', entriesSuite],
  ['fence of loads', fenceSuite],
  ['purge', purgeSuite],
] as const;

describe.each(BYTE_STORES)('bytes of the cache on %s', (_name, subject) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(subject));
});

describe.each(DRIVERS)('cache on %s', (_name, subject) => {
  describe.each(DRIVER_SUITES)('%s', (_capability, suite) => suite(subject));
});
