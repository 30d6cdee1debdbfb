import * as bull from 'bullmq';
import * as pg from 'pg';
import { EventStream } from '../../../src/common/events/index.js';
import { PostgresBullBackend } from '../../../src/modules/queue/drivers/postgres-bull-backend.js';
import { PostgresDatabase } from '../../../src/modules/queue/drivers/postgres-database.js';
import { driverOn, type QueueFixture } from './queue-fixtures.js';
import { SUITES } from './suites.js';

const url = process.env['TEST_DATABASE_URL'];

async function open(): Promise<QueueFixture> {
  const events = new EventStream();
  const database = new PostgresDatabase(bull, url ?? '', pg);
  const driver = driverOn(new PostgresBullBackend(bull, database, 10_000), events);
  return { driver, events, close: () => driver.close() };
}

const given = url === undefined ? describe.skip : describe;

given('queue on PostgreSQL (TEST_DATABASE_URL; it uses the schema "bullmq" there)', () => {
  describe.each(SUITES)('%s', (_capability, suite) => suite({ open }));
});
