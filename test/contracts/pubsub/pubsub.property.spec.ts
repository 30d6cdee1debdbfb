import fc from 'fast-check';
import { PATIENCE_MS, sampling, SEED } from '../../support/sampling.js';
import { expectedOf, observe, steps } from './pubsub-model.js';
import { memorySubject, type PubSubSubject, useRedisSubject } from './pubsub-fixture.js';

const SUBJECTS: readonly (readonly [name: string, subject: PubSubSubject, share: number])[] = [
  ['memory', memorySubject, 0.3],
  ['redis', useRedisSubject('standalone'), 0.03],
];

process.stderr.write(`pub/sub properties: TEST_SEED=${SEED}\n`);

describe.each(SUBJECTS)(`random sequences of calls on %s`, (_name, subject, share) => {
  it(
    'who gets what, and what is recorded, is as in the model',
    async () => {
      const asInTheModel = fc.asyncProperty(steps, async (sequence) => {
        const { pubsub, close } = await subject.open();
        try {
          expect(await observe(sequence, pubsub)).toEqual(expectedOf(sequence));
        } finally {
          close();
        }
      });
      await fc.assert(asInTheModel, sampling(share));
    },
    PATIENCE_MS,
  );
});
