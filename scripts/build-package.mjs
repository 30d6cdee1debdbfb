/**
 * Builds the publishable library into dist/package: compiled modules, common and testing (no app),
 * README, LICENSE, CHANGELOG and a manifest of its own, whose dependencies are checked against what
 * the compiled files import.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {
  createManifest,
  DEPENDENCIES,
  OPTIONAL_PEERS,
  PEERS,
  PEERS_OF_NEST,
} from './lib/package-manifest.mjs';
import { scanModule } from './lib/scan-module.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const OUT = path.join(ROOT, 'dist/package');
const COMPILE_TIMEOUT_MS = 180_000;

const root = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const entries = publicEntries();

compile();
const problems = checkFiles(scanOutput());
if (problems.length > 0) {
  for (const problem of problems) console.error(`build:package: ${problem}`);
  process.exit(1);
}
copyDocuments();
const manifest = createManifest(root, entries);
writeFileSync(path.join(OUT, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
console.log(
  `build:package: ${root.name}@${root.version} in dist/package, entries ${Object.keys(entries).join(' ')}`,
);

/** One entry for the root, for every module folder with an index, and for src/testing. */
function publicEntries() {
  const hasIndex = (folder) => existsSync(path.join(ROOT, 'src', folder, 'index.ts'));
  const modules = existsSync(path.join(ROOT, 'src/modules'))
    ? readdirSync(path.join(ROOT, 'src/modules')).filter((name) => hasIndex(`modules/${name}`))
    : [];
  return {
    '.': './index',
    ...Object.fromEntries(
      modules.toSorted().map((name) => [`./${name}`, `./modules/${name}/index`]),
    ),
    ...(hasIndex('testing') ? { './testing': './testing/index' } : {}),
  };
}

function compile() {
  rmSync(OUT, { recursive: true, force: true });
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.package.json'], {
      cwd: ROOT,
      stdio: 'inherit',
      timeout: COMPILE_TIMEOUT_MS,
    });
  } catch (error) {
    console.error(`build:package: the library does not compile (${error.message})`);
    process.exit(1);
  }
}

function scanOutput() {
  return readdirSync(OUT, { recursive: true })
    .filter((file) => /\.(js|d\.ts)$/.test(file))
    .map((file) => ({ file, ...scanModule(file, readFileSync(path.join(OUT, file), 'utf8')) }));
}

/** Every reason why the compiled files and the declared dependencies do not fit each other. */
function checkFiles(files) {
  const inert = new Set(files.filter(({ isInert }) => isInert).map(({ file }) => file));
  return [...files.flatMap((file) => checkFile(file, inert)), ...checkDeclared(files)];
}

function checkFile({ file, eager, lazy, sideEffects, topLevelAwaits }, inert) {
  const declared = new Set([...DEPENDENCIES, ...Object.keys({ ...PEERS, ...OPTIONAL_PEERS })]);
  const undeclared = [...eager, ...lazy]
    .filter((name) => !declared.has(name))
    .map((name) => `${file} imports ${name}, which is neither a dependency nor a peer`);
  if (!file.endsWith('.js')) return undeclared;
  return [
    ...undeclared,
    ...Object.keys(OPTIONAL_PEERS)
      .filter((name) => eager.has(name))
      .map(
        (name) => `${file} imports the optional peer ${name} statically; use import() on demand`,
      ),
    ...sideEffects
      .filter((specifier) => !inert.has(path.posix.join(path.posix.dirname(file), specifier)))
      .map((name) => `${file} imports ${name} for its side effects; the package has none`),
    ...topLevelAwaits.map((line) => `${file}:${line} awaits at top level; require() would fail`),
  ];
}

function checkDeclared(files) {
  const imported = new Set(files.flatMap(({ eager, lazy }) => [...eager, ...lazy]));
  const named = new Set(files.flatMap(({ literals }) => [...literals]));
  const peers = Object.keys(PEERS).filter((name) => !PEERS_OF_NEST.includes(name));
  return [
    ...DEPENDENCIES.filter((name) => root.dependencies[name] === undefined).map(
      (name) => `${name} is a dependency of the library but not in the root package.json`,
    ),
    ...[...DEPENDENCIES, ...peers]
      .filter((name) => !imported.has(name))
      .map((name) => `${name} is declared but the library does not import it`),
    ...Object.keys(OPTIONAL_PEERS)
      .filter((name) => !imported.has(name) && !named.has(name))
      .map((name) => `${name} is declared as optional peer but the library does not use it`),
  ];
}

function copyDocuments() {
  for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
    const file = path.join(ROOT, name);
    if (existsSync(file)) copyFileSync(file, path.join(OUT, name));
    else if (name !== 'CHANGELOG.md') {
      console.error(`build:package: ${name} is missing`);
      process.exit(1);
    }
  }
}
