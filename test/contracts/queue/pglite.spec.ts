import * as bull from 'bullmq';
import { EventStream } from '../../../src/common/events/index.js';
import { PgliteDatabase } from '../../../src/modules/queue/drivers/pglite-database.js';
import { PostgresBullBackend } from '../../../src/modules/queue/drivers/postgres-bull-backend.js';
import { driverOn, newJob, type QueueFixture } from './queue-fixtures.js';
import { SUITES } from './suites.js';

// A database is 750 MB and takes seconds to start: all suites share this one.
const database = new PgliteDatabase(bull, 'memory://');

afterAll(() => database.close());

async function open(): Promise<QueueFixture> {
  const events = new EventStream();
  const shared = {
    pool: database.pool,
    get isStarted() {
      return database.isStarted;
    },
    awake: Promise.resolve(),
    start: () => database.start(),
    close: async () => undefined,
  };
  const driver = driverOn(new PostgresBullBackend(bull, shared, 10_000), events);
  return { driver, events, close: () => driver.close() };
}

describe('queue on the embedded database', () => {
  it('nothing is started before the first use', async () => {
    const { driver, close } = await open();
    driver.bullQueue('quiet');
    expect([driver.isStarted, driver.backing]).toEqual([false, 'database']);
    await driver.add('quiet', newJob());
    expect(driver.isStarted).toBe(true);
    await close();
  }, 120_000);

  describe.each(SUITES)('%s', (_capability, suite) => suite({ open }));
});
