/**
 * Proves that the packed library works for a stranger: builds and packs it, checks the tarball with
 * publint and attw, installs it with its required peers into an empty Nest application, loads every
 * entry from ESM and CommonJS, boots the application and asks it for its health, and type-checks an
 * import of every entry. Then it installs the same tarball in a copy of examples/minimal, builds
 * and tests that with its own tools, and asks it for something of every module.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askExample } from './lib/check-example.mjs';
import { run } from './lib/run.mjs';
import { whileServing } from './lib/serve.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--no-save'];
const MINUTE_MS = 60_000;
const HEALTH_TIMEOUT_MS = 10_000;
const FORBIDDEN_FILE = /^(app\/|main\.|.*\.spec\.)/;
/** Where type errors are ours: the application that imports the library, and its declarations. */
const OUR_DIAGNOSTIC = /^(types\/|node_modules\/nest-backplane\/|error TS)/;

const work = mkdtempSync(path.join(tmpdir(), 'check-pack-'));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));

let tarball;
let manifest;
const app = path.join(work, 'app');
const example = path.join(work, 'minimal');

try {
  await step('build', () => node(['scripts/build-package.mjs'], ROOT, 4 * MINUTE_MS));
  await step('pack', pack);
  await step('publint', () => tool('publint/src/cli.js', [tarball, '--strict']));
  await step('attw', () =>
    tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'esm-only']),
  );
  await step('install with required peers', installApplication);
  await step('import and require every entry', () => node(['load.cjs'], app, MINUTE_MS));
  await step('boot and GET /health', () =>
    whileServing({ cwd: app, script: 'main.mjs' }, expectHealthy),
  );
  await step('type check every entry', checkTypes);
  await step('examples/minimal: install', installExample);
  await step('examples/minimal: build', () => npm(['run', 'build'], example));
  await step('examples/minimal: its own test', () => npm(['test'], example));
  await step('examples/minimal: ask every module', () =>
    whileServing({ cwd: example, script: 'dist/main.js', env: { PORT: '0' } }, askExample),
  );
} catch (error) {
  console.error(`check:pack: ${error.message}`);
  process.exitCode = 1;
}

async function step(title, action) {
  const start = performance.now();
  try {
    const remark = await action();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`check:pack: ${title}: ok, ${seconds} s${remark ? ` (${remark})` : ''}`);
  } catch (error) {
    throw new Error(`${title}: ${error.message}`, { cause: error });
  }
}

async function pack() {
  const args = ['pack', './dist/package', '--json', '--pack-destination', work];
  await run('npm', args, { cwd: ROOT, timeoutMs: MINUTE_MS });
  manifest = JSON.parse(readFileSync(path.join(ROOT, 'dist/package/package.json'), 'utf8'));
  tarball = path.join(work, `${manifest.name}-${manifest.version}.tgz`);
  const listing = await run('tar', ['-tzf', tarball], { timeoutMs: MINUTE_MS });
  const files = listing
    .trim()
    .split('\n')
    .map((file) => file.replace('package/', ''));
  const alien = files.filter((file) => FORBIDDEN_FILE.test(file));
  if (alien.length > 0) throw new Error(`the tarball must not hold ${alien.join(', ')}`);
  return `${files.length} files`;
}

/** An application that has installed the library, what it must, and nothing it may. */
async function installApplication() {
  cpSync(path.join(ROOT, 'scripts/check-pack'), app, { recursive: true });
  const required = Object.entries(manifest.peerDependencies).filter(([name]) => !isOptional(name));
  const dependencies = {
    [manifest.name]: `file:${tarball}`,
    '@nestjs/platform-express': manifest.peerDependencies['@nestjs/core'],
    ...Object.fromEntries(required),
  };
  writeJson(path.join(app, 'package.json'), { name: 'app', private: true, dependencies });
  await npm(INSTALL, app);
}

function isOptional(name) {
  return manifest.peerDependenciesMeta[name]?.optional === true;
}

async function expectHealthy(url) {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
  const body = await response.text();
  if (response.status !== 200 || JSON.parse(body).status !== 'up') {
    throw new Error(`GET /health answered ${response.status} ${body}`);
  }
}

/** Declarations may name types of optional peers, so those are installed for this step. */
async function checkTypes() {
  const optional = Object.entries(manifest.peerDependencies).filter(([name]) => isOptional(name));
  const types = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).devDependencies;
  const packages = [...optional, ['@types/node', types['@types/node']]];
  const specifiers = packages.map(([name, range]) => `${name}@${range}`);
  await npm([...INSTALL, ...specifiers], app);
  writeTypedImports(path.join(app, 'types'));
  const foreign = await compile();
  return foreign > 0 ? `${foreign} diagnostics in other packages ignored` : '';
}

function writeTypedImports(folder) {
  const specifiers = Object.keys(manifest.exports)
    .filter((subpath) => subpath !== './package.json')
    .map((subpath) => `${manifest.name}${subpath.slice(1)}`);
  const uses = `export const used = [${specifiers.map((_, index) => `m${index}`).join(', ')}];\n`;
  const write = (file, line) =>
    writeFileSync(path.join(folder, file), [...specifiers.map(line), uses].join('\n'));
  mkdirSync(folder);
  write('esm.mts', (specifier, index) => `import * as m${index} from '${specifier}';`);
  write('commonjs.cts', (specifier, index) => `import m${index} = require('${specifier}');`);
  const compilerOptions = {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeJson(path.join(app, 'tsconfig.json'), { compilerOptions, include: ['types'] });
}

/** As its README says: the tarball beside its package.json, which names it by version. */
async function installExample() {
  const source = path.join(ROOT, 'examples/minimal');
  const files = ['package.json', 'tsconfig.json', '.npmrc', 'src'];
  for (const file of files) {
    cpSync(path.join(source, file), path.join(example, file), { recursive: true });
  }
  cpSync(tarball, path.join(example, path.basename(tarball)));
  await npm(INSTALL, example);
}

/** Fails on diagnostics in our declarations; returns how many others there are. */
async function compile() {
  try {
    await tool('typescript/bin/tsc', ['-p', app, '--pretty', 'false'], app);
    return 0;
  } catch (error) {
    const diagnostics = error.message.split('\n').filter((line) => /error TS\d+/.test(line));
    const ours = diagnostics.filter((line) => OUR_DIAGNOSTIC.test(line));
    if (diagnostics.length === 0) throw error;
    if (ours.length > 0) throw new Error(`\n${ours.join('\n')}`, { cause: error });
    return diagnostics.length;
  }
}

async function npm(args, cwd) {
  await run('npm', args, { cwd, timeoutMs: 5 * MINUTE_MS });
}

function tool(bin, args, cwd = ROOT) {
  return node([path.join(ROOT, 'node_modules', bin), ...args], cwd, 3 * MINUTE_MS);
}

async function node(args, cwd, timeoutMs) {
  await run(process.execPath, args, { cwd, timeoutMs });
}

function writeJson(file, value) {
  writeFileSync(file, JSON.stringify(value, undefined, 2));
}
