import { CONTENDERS } from '../contenders.mjs';
import { CONNECTIONS, LIMIT, PAYLOAD, WINDOW_MS } from '../settings.mjs';
import { median, spread } from './statistics.mjs';

const GROUPS = [
  { group: 'cache-redis', title: 'A. Cached answer from Redis (every request a hit)' },
  { group: 'cache-memory', title: 'A. Cached answer from memory (every request a hit)' },
  { group: 'throttle-redis', title: 'B. Rate limit counted in Redis, one hot client' },
  { group: 'throttle-memory', title: 'B. Rate limit counted in memory, one hot client' },
];

const COLUMNS = [
  { title: '', cell: ({ title }) => title },
  { title: 'requests/s', right: true, cell: ({ rate }) => String(Math.round(rate)) },
  {
    title: 'of the bare route',
    right: true,
    cell: ({ ofBare }) => `${Math.round(ofBare * 100)} %`,
  },
  { title: 'against the peer', right: true, cell: ({ ratio }) => formatRatio(ratio) },
  { title: 'p50 / p99 ms', right: true, cell: ({ p50, p99 }) => `${p50} / ${p99}` },
  { title: 'server CPU µs/request', right: true, cell: ({ cpu }) => cpu.toFixed(1) },
  { title: 'Redis µs/request', right: true, cell: ({ redis }) => (redis ? redis.toFixed(1) : '–') },
];

/** The results as markdown: one table a group, then the facts needed to judge them. */
export function report(results) {
  const tables = GROUPS.map(
    ({ group, title }) => `### ${title}\n\n${table(rowsOf(results, group))}\n`,
  );
  return [...tables, facts(results)].join('\n');
}

function rowsOf({ rounds }, group) {
  const members = CONTENDERS.filter((one) => one.group === 'bare' || one.group === group);
  return members.map((contender) => {
    const of = (field) => rounds.map((round) => round[contender.id][field]);
    return {
      title: contender.title,
      rate: median(of('requestsPerSecond')),
      ofBare: median(ratios(rounds, contender.id, 'bare')),
      ratio: contender.against && spread(ratios(rounds, contender.id, contender.against)),
      p50: median(of('p50Ms')),
      p99: median(of('p99Ms')),
      cpu: median(of('serverCpuMicros')),
      redis: median(of('redisMicros')),
    };
  });
}

/** Both of one round, minutes apart at most: what disturbs the machine disturbs both. */
function ratios(rounds, id, other) {
  return rounds.map((round) => round[id].requestsPerSecond / round[other].requestsPerSecond);
}

function formatRatio(ratio) {
  if (ratio === undefined) return '';
  const { median: middle, min, max } = ratio;
  return `**${middle.toFixed(2)}×** (${min.toFixed(2)}–${max.toFixed(2)})`;
}

function table(rows) {
  const lines = [
    COLUMNS.map(({ title }) => title),
    COLUMNS.map(({ right }) => (right ? '---:' : '---')),
    ...rows.map((row) => COLUMNS.map(({ cell }) => cell(row))),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function facts({ machine, settings, rounds, startedAt }) {
  const all = rounds.flatMap((round) => Object.values(round));
  const repeated = all.reduce((sum, { attempt }) => sum + attempt - 1, 0);
  const disturbance = Math.max(0, ...all.map((one) => one.disturbance));
  const share = all.map(({ serverCpuShare }) => serverCpuShare);
  const size = JSON.stringify(PAYLOAD).length;
  const { cores, cpu, node, redis, pinned, commit } = machine;
  return [
    `Measured ${startedAt.slice(0, 10)}, commit ${commit}, on ${cores} cores (${cpu}), Node ${node}, Redis ${redis}. ` +
      `${pinned ? 'The server had a core to itself, the load generator and Redis the other' : 'Processes were not pinned to cores'}; ` +
      `the server used ${percent(Math.min(...share))}–${percent(Math.max(...share))} of a core, so the server is what is measured.`,
    '',
    `${rounds.length} rounds of every contender in turn, ${settings.seconds} s each after ${settings.warmUpSeconds} s of warm-up in a fresh process; ` +
      `${CONNECTIONS} connections, ${size} bytes of JSON, limit ${LIMIT} in ${WINDOW_MS / 1000} s. ` +
      'Medians; the ratio is taken within each round, with its smallest and largest value in brackets. ' +
      `Repeated because others used the machine, or a contender had not done all its work: ${repeated} of ${all.length + repeated}; ` +
      `in those that count others used at most ${percent(disturbance)} of the machine.`,
    '',
    `Versions: ${Object.entries(machine.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
  ].join('\n');
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
