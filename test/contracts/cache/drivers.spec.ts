import { useRedis } from '../../support/redis/shared-redis.js';
import {
  type CacheSubject,
  ioredisYetDriver,
  openMemory,
  openOnRedis,
  redisDriver,
} from './cache-fixtures.js';
import { deleteMatchingSuite } from './delete-matching.suite.js';
import { deleteSuite } from './delete.suite.js';
import { expirySuite } from './expiry.suite.js';
import { keyFidelitySuite } from './key-fidelity.suite.js';
import { parallelSuite } from './parallel.suite.js';
import { valuesSuite } from './values.suite.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');

const onStandalone = () => ({ url: standalone().url });
const onCluster = () => ({ cluster: cluster().addresses });

const SUBJECTS: readonly (readonly [name: string, subject: CacheSubject])[] = [
  ['memory', { open: openMemory }],
  ['redis standalone', { open: () => openOnRedis(onStandalone(), 'standalone', redisDriver) }],
  ['redis cluster', { open: () => openOnRedis(onCluster(), 'cluster', redisDriver) }],
  [
    'cache-manager-ioredis-yet on standalone',
    {
      open: () => openOnRedis(onStandalone(), 'standalone', ioredisYetDriver),
      textOnly: true,
    },
  ],
  [
    'cache-manager-ioredis-yet on a cluster',
    { open: () => openOnRedis(onCluster(), 'cluster', ioredisYetDriver), textOnly: true },
  ],
];

const SUITES = [
  ['values', valuesSuite],
  ['expiry', expirySuite],
  ['delete', deleteSuite],
  ['deleteMatching', deleteMatchingSuite],
  ['key fidelity', keyFidelitySuite],
  ['parallel callers', parallelSuite],
] as const;

describe.each(SUBJECTS)('cache on %s', (_name, subject) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(subject));
});
