/**
 * Side-by-side benchmark against the packages people use today; see docs/bench.md.
 *
 *   npm run bench                     all contenders, writes bench/results and docs/bench.md
 *   node bench/run.mjs --quick        one short round, to check the harness; writes nothing
 *   node bench/run.mjs --only cache   contenders whose id contains the text; writes nothing
 *   node bench/run.mjs --profile DIR  as well, with a V8 CPU profile of every contender in DIR,
 *                                     measured in one long slice; writes nothing else
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTENDERS, contendersOf, GROUPS } from './contenders.mjs';
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
/**
 * `seconds` of each slice; in contention, of waiting idly. V8 needs more than 3 s of load over HTTP until it is warm. Two slices,
 * because five rounds should end within about 20 minutes: starting and warming up take most of it.
 */
const FULL = {
  rounds: 5,
  timing: {
    http: { warmUpSeconds: 4, slices: 2, seconds: 0.8 },
    operation: { warmUpSeconds: 2, slices: 2, seconds: 0.5 },
    contention: { warmUpSeconds: 1, slices: 1, seconds: 3 },
  },
};
const QUICK = {
  rounds: 1,
  timing: {
    http: { ...FULL.timing.http, slices: 1 },
    operation: { ...FULL.timing.operation, slices: 1 },
    contention: FULL.timing.contention,
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
  const groups = selectedGroups();
  if (groups.length === 0) throw new Error(`No contender's id contains "${options.only}".`);
  if (!options['no-build']) build();
  const settings = chosenSettings();
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
    const rounds = await runRounds(groups, { ...settings, redis, cores });
    publish({ startedAt, machine, settings, rounds });
  } finally {
    await redis.stop();
  }
}

/** The tables with their selected contenders; the bare route has to be selected as well. */
function selectedGroups() {
  const isSelected = ({ id }) => id.includes(options.only);
  return GROUPS.map((group) => ({
    ...group,
    contenders: contendersOf(group).filter(isSelected),
  })).filter(({ contenders }) => contenders.length > 0);
}

/** Without pauses in a profile: its slices are one. */
function chosenSettings() {
  const { rounds, timing } = options.quick ? QUICK : FULL;
  const asOne = ({ slices, seconds, ...rest }) => ({
    ...rest,
    slices: 1,
    seconds: slices * seconds,
  });
  const { http, operation, contention } = timing;
  return {
    rounds: options.rounds === undefined ? rounds : Number(options.rounds),
    timing:
      options.profile === undefined
        ? timing
        : { http: asOne(http), operation: asOne(operation), contention },
  };
}

/** Every group once a round, each round beginning with another one. */
async function runRounds(groups, { rounds: count, timing, ...settings }) {
  const nodeOptions =
    options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
  const rounds = [];
  for (let round = 0; round < count; round += 1) {
    const first = (round * 3) % groups.length;
    const results = {};
    for (const group of [...groups.slice(first), ...groups.slice(0, first)]) {
      const context = { ...settings, nodeOptions, timing: timing[group.kind], turn: round };
      results[group.group] = await measure(group, context);
      tell(`round ${round + 1}/${count}  ${group.group}`, results[group.group]);
    }
    rounds.push(results);
  }
  return rounds;
}

function tell(title, { contenders }) {
  console.error(title);
  for (const { id, cpuShare, disturbance, ...result } of Object.values(contenders)) {
    console.error(
      `  ${id.padEnd(26)} ${measured(result)}  ` +
        `${Math.round(cpuShare * 100)} %  others ${Math.round(disturbance * 100)} %`,
    );
  }
}

function measured({ perSecond, cpuMicros, figures }) {
  return figures === undefined
    ? `${String(perSecond).padStart(6)}/s  ${cpuMicros.toFixed(1)} µs CPU`
    : Object.entries(figures)
        .map((figure) => figure.join(' '))
        .join('  ');
}

/** Partial and quick runs are for looking at, not for keeping. */
function publish(results) {
  const markdown = report(results);
  console.log(markdown);
  const isPartial = !CONTENDERS.every(({ id }) => id.includes(options.only));
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
