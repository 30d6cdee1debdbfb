import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

interface Case {
  readonly title: string;
  readonly file: string;
  readonly source: string;
}

const OXLINT = path.resolve('node_modules/oxlint/bin/oxlint');
const RESTRICTED = 'eslint(no-restricted-imports)';

const FORBIDDEN: readonly Case[] = [
  importing('src/common/redis/a.ts', '../../modules/cache/index.js'),
  importing('src/common/redis/b.ts', '../../app/app.module.js'),
  importing('src/common/redis/c.ts', '../../testing/index.js'),
  importing('src/modules/cache/a.ts', '../../app/app.module.js'),
  importing('src/modules/cache/b.ts', '../lock/lock.service.js'),
  importing('src/modules/cache/c.ts', '../lock/drivers/redis-lock.driver.js'),
  importing('src/modules/cache/d.ts', '../../modules/lock/index.js'),
  importing('src/modules/cache/e.ts', '../../testing/index.js'),
  importing('src/modules/cache/admin/a.ts', '../../lock/lock.service.js'),
  importing('src/modules/cache/admin/b.ts', '../../../app/app.module.js'),
  importing('src/modules/cache/drivers/a.ts', '../../lock/lock.service.js'),
  importing('src/modules/cache/drivers/b.ts', '../../../app/app.module.js'),
  importing('src/modules/cache/drivers/c.ts', '@nestjs/common'),
  importing('src/modules/cache/drivers/scripts/a.lua.ts', '../../../lock/lock.service.js'),
  importing('src/modules/cache/drivers/scripts/b.lua.ts', '@nestjs/core'),
  importing('src/modules/cache/cache.service.ts', 'ioredis'),
  importing('src/modules/cache/other.service.ts', '../lock/lock.service.js'),
  importing('src/app/a.ts', '../modules/cache/cache.service.js'),
  importing('src/app/pages/a.ts', '../../modules/cache/drivers/memory-cache.driver.js'),
  importing('src/main.ts', './modules/cache/cache.module.js'),
  {
    title: 'src/modules/cache/f.ts may not import a type from ../lock/lock.driver.js',
    file: 'src/modules/cache/f.ts',
    source: `import type { LockDriver } from '../lock/lock.driver.js';\nexport type Driver = LockDriver;\n`,
  },
  {
    title: 'src/modules/cache/g.ts may not load ../lock/lock.service.js lazily',
    file: 'src/modules/cache/g.ts',
    source: `export const load = () => import('../lock/lock.service.js');\n`,
  },
];

const ALLOWED: readonly Case[] = [
  importing('src/common/redis/ok.ts', '../errors/index.js', 'ioredis'),
  importing('src/modules/cache/ok.ts', '../lock/index.js', '../../common/redis/index.js'),
  importing('src/modules/cache/ok.service.ts', './cache.driver.js', '../lock/index.js'),
  importing('src/modules/cache/admin/ok.ts', '../../lock/index.js', '../cache.driver.js'),
  importing(
    'src/modules/cache/drivers/ok.ts',
    '../cache.driver.js',
    '../../../common/redis/index.js',
  ),
  importing('src/modules/cache/drivers/ok2.ts', 'ioredis', './scripts/get.lua.js'),
  importing('src/modules/cache/drivers/scripts/ok.ts', '../../../../common/redis/index.js'),
  importing('src/app/ok.ts', '../modules/cache/index.js', './app.module.js'),
];

describe('the linter keeps the layers', () => {
  let diagnostics: readonly Diagnostic[];

  beforeAll(() => {
    diagnostics = lint([
      ...FORBIDDEN,
      ...ALLOWED,
      importing('src/common/cycle/a.ts', './b.js'),
      importing('src/common/cycle/b.ts', './a.js'),
    ]);
  });

  it.each(FORBIDDEN)('$title', ({ file }) => {
    expect(codesFor(file)).toContain(RESTRICTED);
  });

  it.each(ALLOWED)('$file may import its own folder, indexes and common', ({ file }) => {
    expect(codesFor(file)).toEqual([]);
  });

  it('reports an import cycle', () => {
    expect(codesFor('src/common/cycle/a.ts')).toEqual(['import(no-cycle)']);
  });

  function codesFor(file: string): string[] {
    return diagnostics.filter(({ filename }) => filename === file).map(({ code }) => code);
  }
});

function importing(file: string, ...specifiers: readonly string[]): Case {
  return {
    title: `${file} may not import ${specifiers.join(', ')}`,
    file,
    source: specifiers.map((specifier) => `import '${specifier}';\n`).join(''),
  };
}

/**
 * Lints the files in a folder of their own with the project's configuration, less its typed rules.
 */
function lint(files: readonly Case[]): readonly Diagnostic[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'lint-layers-'));
  try {
    const config = readFileSync('.oxlintrc.json', 'utf8');
    const untyped = config.replace('"typeAware": true', '"typeAware": false');
    writeFileSync(path.join(folder, '.oxlintrc.json'), untyped);
    for (const { file, source } of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), source);
    }
    return runOxlint(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runOxlint(folder: string): readonly Diagnostic[] {
  try {
    execFileSync(process.execPath, [OXLINT, '--format=json'], { cwd: folder, timeout: 20_000 });
  } catch (error) {
    const { stdout } = error as { stdout?: Buffer };
    if (!stdout?.length) throw error;
    return (JSON.parse(stdout.toString()) as { diagnostics: Diagnostic[] }).diagnostics;
  }
  return [];
}
