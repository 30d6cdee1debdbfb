import { concurrencySuite } from './concurrency.suite.js';
import { denialSuite } from './denial.suite.js';
import { useRedisOpener } from './throttle-drivers.js';

describe('throttle on redis sentinel', () => {
  const opener = useRedisOpener('sentinel');

  describe('several policies', () => denialSuite(opener.stepped));
  describe('parallel calls', () => concurrencySuite(opener.stepped));
});
