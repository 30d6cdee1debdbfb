import { useRedis } from '../../support/redis/shared-redis.js';
import { openOnRedis, type QueueSubject } from './queue-fixtures.js';
import { SUITES } from './suites.js';

const standalone = useRedis('standalone');
const cluster = useRedis('cluster');

const SUBJECTS: readonly (readonly [name: string, subject: QueueSubject])[] = [
  ['redis standalone', { open: () => openOnRedis({ url: standalone().url }, 'standalone') }],
  ['redis cluster', { open: () => openOnRedis({ cluster: cluster().addresses }, 'cluster') }],
];

describe.each(SUBJECTS)('queue on %s', (_name, subject) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(subject));
});
