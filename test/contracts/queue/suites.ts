import { consumeSuite } from './consume.suite.js';
import { enqueueSuite } from './enqueue.suite.js';
import { leaseSuite } from './lease.suite.js';
import { upkeepSuite } from './upkeep.suite.js';

/** What every backend has to pass; each in a jest file of its own. */
export const SUITES = [
  ['enqueue', enqueueSuite],
  ['leases', leaseSuite],
  ['consumers', consumeSuite],
  ['upkeep', upkeepSuite],
] as const;
