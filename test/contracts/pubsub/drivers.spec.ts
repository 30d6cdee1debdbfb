import { deliverySuite } from './delivery.suite.js';
import { isolationSuite } from './isolation.suite.js';
import { payloadSuite } from './payload.suite.js';
import { memorySubject, useRedisSubject } from './pubsub-fixture.js';
import { recentSuite } from './recent.suite.js';

const SUBJECTS = [
  ['memory', memorySubject],
  ['redis standalone', useRedisSubject('standalone')],
  ['redis cluster', useRedisSubject('cluster')],
] as const;

const SUITES = [
  ['delivery', deliverySuite],
  ['isolation', isolationSuite],
  ['payloads', payloadSuite],
  ['recent', recentSuite],
] as const;

describe.each(SUBJECTS)('pub/sub on %s', (_name, subject) => {
  describe.each(SUITES)('%s', (_capability, suite) => suite(subject));
});
