/**
 * Runs the contract suites against a Redis user that may do no more than docs/security.md says:
 * its own keys and channels, and neither CONFIG nor INFO nor CLIENT TRACKING.
 *
 *   npm run test:acl
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { ended } from './lib/run.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const PAGE = path.join(ROOT, 'docs/security.md');
const RECIPE = /<!-- acl:start[^>]*-->\s*```\n(ACL SETUSER [\s\S]*?)```\s*<!-- acl:end -->/;
const REFUSED = [['CONFIG', 'GET', '*'], ['INFO'], ['CLIENT', 'TRACKING', 'ON'], ['KEYS', '*']];
const LIMIT_MS = 5 * 60_000;
/** Keys of tests start with this. */
const TEST_PREFIX = 't-';

process.exitCode = await main();

async function main() {
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'backplane-acl-'));
  const server = spawn(
    'redis-server',
    ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', ''].map(String),
    { stdio: 'ignore' },
  );
  const end = ended(server);
  try {
    const adminUrl = `redis://127.0.0.1:${port}`;
    const url = await restrict(port);
    const code = await runSuites('test/contracts/(?!pubsub)', { url, adminUrl });
    // Redis compares the pattern of a subscription letter by letter with the rules.
    await asAdmin(port, ['SETUSER', 'backplane', 'allchannels']);
    return code || (await runSuites('test/contracts/pubsub', { url, adminUrl }));
  } finally {
    server.kill('SIGKILL');
    await end;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes the user of the recipe, and proves that it is restricted. Resolves to its URL. */
async function restrict(port) {
  const password = randomBytes(8).toString('hex');
  const [, user, ...rules] = recipe(password);
  await asAdmin(port, ['SETUSER', user, ...rules]);
  const client = new Redis(port, '127.0.0.1', {
    username: user,
    password,
    enableReadyCheck: false,
  });
  for (const [command, ...args] of REFUSED) {
    const refusal = await client.call(command, args).then(
      () => 'allowed',
      (error) => error.message,
    );
    if (!refusal.includes('NOPERM')) throw new Error(`${command} must be refused: ${refusal}`);
  }
  client.disconnect();
  return `redis://${user}:${password}@127.0.0.1:${port}`;
}

async function asAdmin(port, args) {
  const admin = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 50 });
  // It may not listen yet.
  admin.on('error', () => undefined);
  await admin.call('ACL', args);
  admin.disconnect();
}

function recipe(password) {
  const [, text] = RECIPE.exec(readFileSync(PAGE, 'utf8')) ?? [];
  if (text === undefined) throw new Error(`${PAGE} has no recipe`);
  return text
    .replace('>choose-a-password', `>${password}`)
    .replaceAll('bp:*', `${TEST_PREFIX}*`)
    .trim()
    .split(/\s+/)
    .slice(1);
}

async function runSuites(pattern, { url, adminUrl }) {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const args = [jest, '--testPathPatterns', pattern, '-t', 'redis standalone'];
  const env = { ...process.env, TEST_REDIS_URL: url, TEST_REDIS_ADMIN_URL: adminUrl };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const { code } = await ended(child);
  clearTimeout(timer);
  return code ?? 1;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
