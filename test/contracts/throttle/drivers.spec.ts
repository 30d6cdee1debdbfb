import { changesSuite } from './changes.suite.js';
import { clockSuite } from './clock.suite.js';
import { concurrencySuite } from './concurrency.suite.js';
import { consumeSuite } from './consume.suite.js';
import { costSuite } from './cost.suite.js';
import { denialSuite } from './denial.suite.js';
import { expirySuite } from './expiry.suite.js';
import { keysSuite } from './keys.suite.js';
import { leasesSuite } from './leases.suite.js';
import { peekSuite } from './peek.suite.js';
import { resetSuite } from './reset.suite.js';
import { punishSuite } from './punish.suite.js';
import { serverClockSuite } from './server-clock.suite.js';
import { smoothSuite } from './smooth.suite.js';
import { subjectsSuite } from './subjects.suite.js';
import {
  behindBlockList,
  memoryOpener,
  type ThrottleOpener,
  type ThrottleSuite,
  useRedisOpener,
} from './throttle-drivers.js';
import { twinSuite } from './twin.suite.js';

const SUITES: readonly (readonly [capability: string, suite: ThrottleSuite])[] = [
  ['consume', consumeSuite],
  ['what comes free bit by bit', smoothSuite],
  ['cost and refund', costSuite],
  ['several policies', denialSuite],
  ['several subjects', subjectsSuite],
  ['penalties, blocks and grants', punishSuite],
  ['leases', leasesSuite],
  ['peek', peekSuite],
  ['reset', resetSuite],
  ['keys', keysSuite],
  ['changed limits', changesSuite],
  ['a clock that is set', clockSuite],
  ['parallel calls', concurrencySuite],
];

describe('throttle on memory', () => contractOf(memoryOpener));

describe.each(['standalone', 'cluster'] as const)('throttle on redis %s', (topology) => {
  const opener = useRedisOpener(topology);

  contractOf(opener);
  describe('random calls', () => twinSuite(opener.stepped));
  describe('what is left on the server', () => expirySuite(opener.stepped));
  describe('random calls behind a block list', () => {
    // It goes by time that passes, and so does not notice a server clock that is set.
    twinSuite(behindBlockList(opener).stepped, { isClockSet: false });
  });
});

// The list in front is the same whatever topology is behind it.
describe('throttle on redis standalone behind a block list', () => {
  contractOf(behindBlockList(useRedisOpener('standalone')));
});

function contractOf(opener: ThrottleOpener): void {
  describe.each(SUITES)('%s', (_capability, suite) => suite(opener.stepped));
  describe('real time', () => serverClockSuite(opener.real));
}
