import { readFileSync } from 'node:fs';
import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import type { ThrottleStrategy } from '../../../src/modules/throttle/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { ALL_STRATEGIES, checks, policy } from '../../contracts/throttle/throttle-fixture.js';

const STEP_MS = 5_000;
const STEPS = 25;

/**
 * What happens to a client that asks every 5 s under a limit of 6 a minute: a sign for each time.
 */
async function lineOf(strategy: ThrottleStrategy): Promise<string> {
  const clock = new FakeClock();
  const driver = new MemoryThrottleDriver({ clock, maxCounters: 10, maxHits: 100_000 });
  const asked = policy({ strategy, limit: 6, burst: strategy === 'gcra' ? 1 : 6 });
  const signs: string[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    signs.push((await driver.consume(checks('client', [asked]))).allowed ? '|' : '.');
    clock.advance(STEP_MS);
  }
  return `${strategy.padEnd(24)}${signs.join(' ')}`;
}

it('the picture of the strategies in the documentation is what they do', async () => {
  // How many there are at the same time is nothing that a line of requests could show.
  const overTime = ALL_STRATEGIES.filter((strategy) => strategy !== 'concurrency');
  const lines = await Promise.all(overTime.map(lineOf));
  const shown = readFileSync('docs/throttle.md', 'utf8');
  for (const line of lines) expect(shown).toContain(`\n${line}\n`);
});
