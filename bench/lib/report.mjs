import { contenderById, contendersOf, GROUPS } from '../contenders.mjs';
import { CONNECTIONS, LIMIT, PAYLOAD, WINDOW_MS } from '../settings.mjs';
import { contentionTable } from './contention-table.mjs';
import { median, spread } from './statistics.mjs';
import { brief, table } from './table.mjs';

const RATE = { right: true, cell: ({ rate }) => String(Math.round(rate)) };
const CPU = { right: true, cell: ({ cpu }) => cpu.toFixed(1) };
const SHARED = [
  { title: 'against the peer', right: true, cell: ({ ratios }) => formatRatios(ratios) },
  {
    title: 'p50 / p99 ms',
    right: true,
    cell: ({ p50, p99 }) => `${brief(p50, 2)} / ${brief(p99, 2)}`,
  },
];
const redisColumns = (unit) => [
  {
    title: `Redis µs/${unit}`,
    right: true,
    cell: ({ redis }) => (redis ? redis.toFixed(1) : '–'),
  },
  {
    title: 'commands sent / run',
    right: true,
    cell: ({ sent, run }) => (run ? `${brief(sent)} / ${brief(run)}` : '–'),
  },
];

const COLUMNS = {
  http: [
    { title: '', cell: ({ title }) => title },
    { ...RATE, title: 'requests/s' },
    {
      title: 'of the bare route',
      right: true,
      cell: ({ ofBare }) => (ofBare === undefined ? '' : percent(ofBare)),
    },
    ...SHARED,
    { ...CPU, title: 'server CPU µs/request' },
    ...redisColumns('request'),
  ],
  operation: [
    { title: '', cell: ({ title }) => title },
    { ...RATE, title: 'operations/s' },
    ...SHARED,
    { ...CPU, title: 'CPU µs/operation' },
    ...redisColumns('operation'),
  ],
};

/**
 * The results as markdown: one table a group, then the facts needed to judge them. Of a partial
 * run, what there is.
 */
export function report(results) {
  const tables = GROUPS.map((group) => {
    const rounds = results.rounds.map((round) => round[group.group]?.contenders ?? {});
    const isMeasured = ({ id }) => rounds.every((round) => round[id] !== undefined);
    return { ...group, rounds, contenders: contendersOf(group).filter(isMeasured) };
  })
    .filter(({ contenders }) => contenders.length > 0)
    .map((group) => `### ${group.title}\n\n${tableOf(group)}\n`);
  return [...tables, facts(results)].join('\n');
}

function tableOf({ rounds, ...group }) {
  return group.kind === 'contention'
    ? contentionTable(group, rounds)
    : table(COLUMNS[group.kind], rowsOf(group, rounds));
}

function rowsOf({ bare, contenders }, rounds) {
  const isMeasured = (id) => contenders.some((one) => one.id === id);
  return contenders.map((contender) => {
    const of = (field) => median(rounds.map((round) => round[contender.id][field]));
    const against = (contender.against ?? []).filter(isMeasured);
    return {
      title: contender.title,
      rate: of('perSecond'),
      ofBare: isMeasured(bare) ? median(ratios(rounds, contender.id, bare)) : undefined,
      ratios: against.map((peer) => ({
        ...spread(ratios(rounds, contender.id, peer)),
        peer: against.length > 1 ? ` ${contenderById(peer).title}` : '',
      })),
      p50: of('p50Ms'),
      p99: of('p99Ms'),
      cpu: of('cpuMicros'),
      redis: of('redisMicros'),
      sent: of('redisSent'),
      run: of('redisRun'),
    };
  });
}

/** Both of one round, in slices in turn: what slows the machine down for a while slows both down. */
function ratios(rounds, id, other) {
  return rounds.map((round) => round[id].perSecond / round[other].perSecond);
}

function formatRatios(found) {
  return found
    .map(
      ({ median: middle, min, max, peer }) =>
        `**${middle.toFixed(2)}×** (${min.toFixed(2)}–${max.toFixed(2)})${peer}`,
    )
    .join('<br>');
}

function facts({ machine, settings, rounds, startedAt }) {
  const { cores, cpu, node, redis, pinned, commit } = machine;
  const placed = pinned
    ? 'The contender had a core to itself, Redis and the load generator the other'
    : 'Processes were not pinned to cores';
  const { http, operation, contention } = settings.timing;
  const size = JSON.stringify(PAYLOAD).length;
  return [
    `Measured ${startedAt.slice(0, 10)}, commit ${commit}, on ${cores} cores (${cpu}), Node ${node}, Redis ${redis}. ` +
      `${placed}; ${saturation(rounds)}`,
    '',
    `${rounds.length} rounds of every table, its contenders started together, each in a fresh process, and measured in turn: HTTP ${slices(http)} ` +
      `after ${http.warmUpSeconds} s of warm-up, operations ${slices(operation)} after ${operation.warmUpSeconds} s, ` +
      `contention once after ${contention.warmUpSeconds} s. ` +
      `HTTP: ${CONNECTIONS} connections, ${size} bytes of JSON, limit ${LIMIT} in ${WINDOW_MS / 1000} s. ` +
      `Medians of the rounds; the ratio is taken within each round, with its smallest and largest value in brackets. ${repetitions(rounds)}`,
    '',
    `Versions: ${Object.entries(machine.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
  ].join('\n');
}

function slices({ slices: count, seconds }) {
  return `${count} × ${brief(seconds)} s`;
}

/** Who waits for Redis, or for others, most of the time is not meant here. */
function saturation(rounds) {
  const shares = groupsOf(rounds)
    .flatMap(({ contenders }) => Object.values(contenders))
    .filter(({ id }) => isSaturated(contenderById(id)))
    .map(({ cpuShare }) => cpuShare);
  if (shares.length === 0) return 'one operation at a time leaves it idle in between.';
  return (
    `with many requests or operations under way it used ${percent(Math.min(...shares))}–` +
    `${percent(Math.max(...shares))} of a core.`
  );
}

function isSaturated({ kind, concurrency }) {
  return kind !== 'contention' && concurrency !== 1;
}

function repetitions(rounds) {
  const all = groupsOf(rounds);
  const repeated = all.reduce((sum, { attempts }) => sum + attempts - 1, 0);
  const disturbance = Math.max(0, ...all.map((one) => one.disturbance));
  return (
    `Tables measured again because others used the machine, or a contender had not done all its work: ${repeated} of ${all.length + repeated}; ` +
    `in those that count others used at most ${percent(disturbance)} of the machine.`
  );
}

function groupsOf(rounds) {
  return rounds.flatMap((round) => Object.values(round));
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
