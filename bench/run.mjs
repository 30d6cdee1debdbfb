/**
 * Side-by-side benchmark against the packages people use today; see docs/bench.md.
 *
 *   npm run bench                     all contenders, writes bench/results and docs/bench.md
 *   node bench/run.mjs --quick        one short round, to check the harness; writes nothing
 *   node bench/run.mjs --only cache   contenders whose id contains the text; writes nothing
 *   node bench/run.mjs --profile DIR  as well, with a V8 CPU profile of every contender in DIR
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTENDERS } from './contenders.mjs';
import { describeMachine } from './lib/machine.mjs';
import { measure } from './lib/measure.mjs';
import { withSection } from './lib/page.mjs';
import { pinToCores } from './lib/pinning.mjs';
import { RedisServer } from './lib/redis-server.mjs';
import { report } from './lib/report.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const RESULTS = `${ROOT}/bench/results`;
const PAGE = `${ROOT}/docs/bench.md`;
/** Results of different majors stand side by side: see docs/bench.md. */
const NODE_MAJOR = Number(process.versions.node.split('.')[0]);
/** Seconds of each measurement. */
const FULL = {
  rounds: 5,
  timing: {
    http: { seconds: 4, warmUpSeconds: 2 },
    operation: { seconds: 2.5, warmUpSeconds: 1.5 },
  },
};
const QUICK = {
  rounds: 1,
  timing: {
    http: { seconds: 2, warmUpSeconds: 3 },
    operation: { seconds: 2, warmUpSeconds: 1 },
  },
};

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    profile: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});

await main();

async function main() {
  const contenders = CONTENDERS.filter(({ id }) => id.includes(options.only));
  if (contenders.length === 0) throw new Error(`No contender's id contains "${options.only}".`);
  if (!options['no-build']) build();
  const settings = { ...(options.quick ? QUICK : FULL) };
  if (options.rounds !== undefined) settings.rounds = Number(options.rounds);
  const cores = pinToCores();
  const redis = await RedisServer.start(cores?.redis);
  // A finally block does not run on these.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      console.error(`bench: stopped by ${signal}`);
      void redis.stop().then(() => process.exit(1));
    });
  }
  try {
    const machine = describeMachine({ root: ROOT, redisVersion: await redis.version(), cores });
    const startedAt = new Date().toISOString();
    const rounds = await runRounds(contenders, { ...settings, redis, cores });
    publish({ startedAt, machine, settings, rounds }, contenders);
  } finally {
    await redis.stop();
  }
}

/** Every contender once a round, each round beginning with another one. */
async function runRounds(contenders, { rounds: count, ...settings }) {
  const nodeOptions =
    options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
  const rounds = [];
  for (let round = 0; round < count; round += 1) {
    const first = (round * 3) % contenders.length;
    const results = {};
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const result = await measure(contender, { ...settings, nodeOptions });
      results[contender.id] = result;
      const { perSecond, cpuMicros, cpuShare, disturbance } = result;
      console.error(
        `round ${round + 1}/${count}  ${contender.id.padEnd(26)} ${String(perSecond).padStart(6)}/s  ` +
          `${cpuMicros.toFixed(1)} µs CPU  ${Math.round(cpuShare * 100)} %  others ${Math.round(disturbance * 100)} %`,
      );
    }
    rounds.push(results);
  }
  return rounds;
}

/** Partial and quick runs are for looking at, not for keeping. */
function publish(results, contenders) {
  const markdown = report(results);
  console.log(markdown);
  const isPartial = contenders.length < CONTENDERS.length;
  if (isPartial || options.quick || options.profile !== undefined) return;
  const text = `${JSON.stringify(results, null, 1)}\n`;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}/${results.startedAt.replaceAll(':', '-').slice(0, 19)}.json`, text);
  writeFileSync(`${RESULTS}/node-${NODE_MAJOR}.json`, text);
  writeFileSync(PAGE, withSection(readFileSync(PAGE, 'utf8'), NODE_MAJOR, markdown));
}

function build() {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The library does not build.');
}
