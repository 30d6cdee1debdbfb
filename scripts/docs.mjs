/**
 * Keeps the documentation true, after a build.
 *
 *   node scripts/docs.mjs          writes the generated parts: README's environment, docs/keys.md
 *   node scripts/docs.mjs --check  fails when one of them is out of date or a code block does not compile
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const isCheck = process.argv.includes('--check');

const { renderEnvironmentTable } = await import('../dist/common/config/index.js');
const { PROBE_KEY } = await import('../dist/common/redis/key-families.js');
const { CACHE_CLOCKS, CACHE_ENTRY, CACHE_MANAGER_ENTRY } =
  await import('../dist/modules/cache/index.js');
const throttle = await import('../dist/modules/throttle/index.js');
const { QUEUE_DATA } = await import('../dist/modules/queue/index.js');
const pubsub = await import('../dist/modules/pubsub/index.js');
const session = await import('../dist/modules/session/index.js');
const lock = await import('../dist/modules/lock/index.js');

const FAMILIES = [
  CACHE_ENTRY,
  CACHE_CLOCKS,
  CACHE_MANAGER_ENTRY,
  throttle.THROTTLE_COUNTER,
  throttle.THROTTLE_BLOCK,
  throttle.THROTTLE_INSTANCES,
  throttle.THROTTLE_OFFENDERS,
  throttle.THROTTLE_OFFENDERS_TIMES,
  lock.LOCK,
  lock.LOCK_SEMAPHORE,
  lock.LOCK_PERMITS,
  lock.LOCK_FENCE,
  lock.LOCK_QUEUE,
  lock.LOCK_RELEASED,
  lock.LOCK_WAITERS,
  session.SESSION_RECORD,
  session.SESSION_GENERATION,
  session.SESSION_INDEX,
  session.SESSION_LIVE,
  pubsub.PUBSUB_EVENTS,
  pubsub.PUBSUB_LOG,
  pubsub.PUBSUB_CHANNELS,
  QUEUE_DATA,
  PROBE_KEY,
];

update('README.md', (text) =>
  text.replace(
    /(<!-- environment:begin -->\n)[^]*(<!-- environment:end -->)/,
    (_whole, begin, end) => `${begin}${renderEnvironmentTable().trim()}\n${end}`,
  ),
);
update('docs/keys.md', renderKeys);
if (isCheck) compileCodeBlocks();

function renderKeys() {
  const rows = FAMILIES.map((family) => {
    const key = `<prefix>:${family.module}:v${family.version}:${family.layout}`;
    const evictable = family.evictable ? 'yes' : 'no';
    return `| \`${key}\` | ${family.type} | ${family.ttl} | ${evictable} | ${family.purpose} |`;
  });
  return `${[
    '# Keys',
    '',
    'Every key Backplane writes. Generated from the registry (`npm run docs`). `<prefix>` is `bp`, unless `REDIS_PREFIX` says',
    'otherwise; `REDIS_CACHE_PREFIX` and its kin replace `<prefix>:<module>` of one module. What stands between `{` and `}` decides',
    'the slot in a cluster. Parts are percent-encoded.',
    '',
    '| key | type | expires after | may be evicted | holds |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`;
}

function update(file, render) {
  const path = join(root, file);
  const before = readIfThere(path);
  const after = render(before);
  if (after === before) return;
  if (isCheck) fail(`${file} is out of date: run "npm run docs"`);
  writeFileSync(path, after);
  console.log(`wrote ${file}`);
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return '';
  }
}

/** Every TypeScript block is a module of its own, against the sources. */
function compileCodeBlocks() {
  const folder = join(root, 'dist-docs');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)];
  let count = 0;
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    const blocks = readFileSync(join(root, page), 'utf8').matchAll(/```ts\n([^]*?)```/g);
    for (const [, code] of blocks) {
      count += 1;
      const name = `${page.replaceAll(/\W/g, '-')}-${count}.ts`;
      writeFileSync(join(folder, name), `${code}\nexport {};\n`);
    }
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(docsConfig()));
  const { status } = spawnSync('npx', ['tsc', '-p', folder], { cwd: root, stdio: 'inherit' });
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) fail('a code block of the documentation does not compile');
  console.log(`${count} code blocks of the documentation compile`);
}

function docsConfig() {
  return {
    extends: '../tsconfig.json',
    compilerOptions: {
      noEmit: true,
      rootDir: '..',
      noUnusedLocals: false,
      types: ['node'],
      paths: {
        'nest-backplane': ['../src/index.ts'],
        'nest-backplane/testing': ['../src/testing/index.ts'],
        'nest-backplane/*': ['../src/modules/*/index.ts'],
      },
    },
    include: ['*.ts'],
  };
}

function fail(line) {
  console.error(line);
  process.exit(1);
}
