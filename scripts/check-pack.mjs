/**
 * Proves that the packed library works for a stranger: builds and packs it, checks the tarball with
 * publint and attw, installs it with its required peers into an empty Nest application, loads every
 * entry from ESM and CommonJS, boots the application and asks it for its health, and type-checks an
 * import of every entry.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ended, run } from './lib/run.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const INSTALL = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--no-save'];
const MINUTE_MS = 60_000;
const BOOT_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
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

try {
  await step('build', () => node(['scripts/build-package.mjs'], ROOT, 4 * MINUTE_MS));
  await step('pack', pack);
  await step('publint', () => tool('publint/src/cli.js', [tarball, '--strict']));
  await step('attw', () =>
    tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'esm-only']),
  );
  await step('install with required peers', installApplication);
  await step('import and require every entry', () => node(['load.cjs'], app, MINUTE_MS));
  await step('boot and GET /health', boot);
  await step('type check every entry', checkTypes);
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
  await run('npm', INSTALL, { cwd: app, timeoutMs: 5 * MINUTE_MS });
}

function isOptional(name) {
  return manifest.peerDependenciesMeta[name]?.optional === true;
}

async function boot() {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['main.mjs'], {
    cwd: app,
    env: { PATH, HOME },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const end = ended(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), BOOT_TIMEOUT_MS);
  try {
    await expectHealthy(await listeningUrl(child));
  } finally {
    clearTimeout(timer);
    await stop(child, end);
  }
}

async function listeningUrl(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /listening on (\S+)/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`the application ended or did not listen within ${BOOT_TIMEOUT_MS / 1000} s`);
}

async function expectHealthy(url) {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
  const body = await response.text();
  if (response.status !== 200 || JSON.parse(body).status !== 'up') {
    throw new Error(`GET /health answered ${response.status} ${body}`);
  }
}

async function stop(child, end) {
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  const { signal } = await end;
  clearTimeout(timer);
  if (signal === 'SIGKILL') throw new Error('the application did not stop on SIGTERM');
}

/** Declarations may name types of optional peers, so those are installed for this step. */
async function checkTypes() {
  const optional = Object.entries(manifest.peerDependencies).filter(([name]) => isOptional(name));
  const types = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).devDependencies;
  const packages = [...optional, ['@types/node', types['@types/node']]];
  const specifiers = packages.map(([name, range]) => `${name}@${range}`);
  await run('npm', [...INSTALL, ...specifiers], { cwd: app, timeoutMs: 5 * MINUTE_MS });
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

function tool(bin, args, cwd = ROOT) {
  return node([path.join(ROOT, 'node_modules', bin), ...args], cwd, 3 * MINUTE_MS);
}

async function node(args, cwd, timeoutMs) {
  await run(process.execPath, args, { cwd, timeoutMs });
}

function writeJson(file, value) {
  writeFileSync(file, JSON.stringify(value, undefined, 2));
}
