/**
 * Runs the property-based specs, and that of locks in several processes, with many more cases than
 * `npm test` does.
 *
 *   npm run test:soak                    100000 cases a property, at most two hours
 *   npm run test:soak -- --minutes 10    ends it sooner
 *   TEST_SEED=42 TEST_RUNS=5000 npm run test:soak
 *
 * The specs take from the environment: TEST_RUNS (cases a property), TEST_SEED (of fast-check; the
 * same seed gives the same cases) and TEST_TIMEOUT_MS (for one test).
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const DEFAULT_RUNS = 100_000;
const DEFAULT_MINUTES = 120;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: String(DEFAULT_MINUTES) } },
});
const runs = wholeNumber('TEST_RUNS', process.env.TEST_RUNS ?? DEFAULT_RUNS, 1);
const seed = wholeNumber('TEST_SEED', process.env.TEST_SEED ?? randomInt(2 ** 31), 0);
const limitMs = wholeNumber('--minutes', values.minutes, 1) * 60_000;

const again = `TEST_SEED=${seed} TEST_RUNS=${runs} npm run test:soak`;
console.log(
  `soak: ${runs} cases a property, at most ${limitMs / 60_000} min; again with: ${again}`,
);
process.exitCode = await soak();
if (process.exitCode !== 0) console.error(`soak: failed; again with: ${again}`);

async function soak() {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const args = ['--testPathPatterns', 'property|lock-processes', '--testTimeout', String(limitMs)];
  const env = {
    ...process.env,
    TEST_RUNS: String(runs),
    TEST_SEED: String(seed),
    TEST_TIMEOUT_MS: String(limitMs),
  };
  // A group of its own, so that the bound ends jest's workers too.
  const child = spawn(process.execPath, [jest, ...args], { env, stdio: 'inherit', detached: true });
  const end = (reason) => {
    console.error(`soak: ${reason}`);
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(() => end(`not done after ${limitMs / 60_000} min`), limitMs);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end(`got ${signal}`));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return code ?? 1;
}

function wholeNumber(name, text, minimum) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= minimum) return value;
  console.error(`soak: ${name} must be a whole number of at least ${minimum}, not "${text}"`);
  process.exit(2);
}
