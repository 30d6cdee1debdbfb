const path = require('node:path');
const { Sequencer } = require('./jest-parts.cjs');

/**
 * Spec files that take longest although they are short: a worker that begins one of them last goes
 * on alone when the other has nothing left.
 */
const LONGEST = [
  'contracts/queue/pglite.spec.ts',
  'modules/queue/embedded.spec.ts',
  'contracts/throttle/drivers.spec.ts',
  'faults/backend.spec.ts',
  'contracts/queue/redis.spec.ts',
  'faults/topologies.spec.ts',
  'e2e/transcripts.e2e-spec.ts',
  'e2e/backend.e2e-spec.ts',
  'faults/queue.spec.ts',
  'faults/pubsub.spec.ts',
  'contracts/cache/drivers.spec.ts',
  'contracts/session/drivers.spec.ts',
  'contracts/pubsub/drivers.spec.ts',
  'modules/throttle/scripts.spec.ts',
].map((name) => path.resolve(__dirname, '../..', name));

/**
 * Jest's order, by what a file took the last time, where nothing is known by its size; with the
 * longest in front, which in a fresh clone would come last.
 */
module.exports = class LongestFirstSequencer extends Sequencer {
  sort(tests) {
    const rank = ({ path: file }) =>
      LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length;
    return super.sort(tests).toSorted((one, other) => rank(one) - rank(other));
  }
};
