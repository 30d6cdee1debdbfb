import { destroySuite } from './destroy.suite.js';
import { leftoversSuite } from './leftovers.suite.js';
import { lifecycleSuite } from './lifecycle.suite.js';
import { putSuite } from './put.suite.js';
import { openMemory, useRedisOpener } from './session-drivers.js';
import type { OpenSessions } from './session-fixture.js';
import { updateSuite } from './update.suite.js';
import { userIndexSuite } from './user-index.suite.js';
import { validateSuite } from './validate.suite.js';

const SUITES: readonly (readonly [capability: string, suite: (open: OpenSessions) => void])[] = [
  ['life', lifecycleSuite],
  ['validation', validateSuite],
  ['update', updateSuite],
  ['destruction', destroySuite],
  ['the index', userIndexSuite],
  ['chosen ids', putSuite],
];

describe('sessions on memory', () => contractOf(openMemory));

describe.each(['standalone', 'cluster'] as const)('sessions on redis %s', (topology) => {
  const open = useRedisOpener(topology);

  contractOf(open);
  describe('what is left on the server', () => leftoversSuite(open));
});

function contractOf(open: OpenSessions): void {
  describe.each(SUITES)('%s', (_capability, suite) => suite(open));
}
