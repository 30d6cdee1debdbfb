/**
 * Makes sure that the tests find a Redis server to start: `npm test` on a bare machine works.
 *
 * Only the program is needed, never a running service. So the one that a package may start is kept
 * from starting, or stopped if this installation started it; a Redis that was there before is not
 * touched. Needed with `TEST_REDIS_URL` as well, because the fault suites freeze and kill servers.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const MINIMUM = [6, 2];
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const ADVICE =
  'install Redis >= 6.2, such as with `sudo apt-get install redis-server` or `brew install redis`';

process.exitCode = main();

function main() {
  const before = serverVersion();
  if (isRecent(before)) return 0;
  // Replacing an old server would restart it under whoever uses it.
  if (before !== undefined) return fail(`redis-server ${before.join('.')} is too old: ${ADVICE}`);

  const install = installer();
  if (install === undefined) return fail(`redis-server is not on the PATH: ${ADVICE}`);
  const problem = install();
  const after = serverVersion();
  if (isRecent(after)) return 0;
  const result = after === undefined ? 'no redis-server' : `redis-server ${after.join('.')}`;
  return fail(`the installation left ${result} on the PATH${problem}: ${ADVICE}`);
}

/** `[7, 0, 15]`, or undefined when there is no such program. */
function serverVersion() {
  const { stdout } = run('redis-server', ['--version']);
  const match = /\bv=(\d+)\.(\d+)\.(\d+)/.exec(stdout ?? '');
  return match?.slice(1).map(Number);
}

function isRecent(version) {
  if (version === undefined) return false;
  const [major, minor] = version;
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

/** How this machine installs Redis; undefined when it is not known or not allowed. */
function installer() {
  if (isOnPath('apt-get')) {
    const asRoot = rootPrefix();
    return asRoot === undefined ? undefined : () => installWithApt(asRoot);
  }
  return isOnPath('brew') ? installWithBrew : undefined;
}

/** What to put before a command to run it as root without being asked for a password. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return run('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function installWithApt(asRoot) {
  say('installing redis-server with apt-get, for the tests to start servers of their own');
  const wasActive = isServiceActive();
  // In runlevel 1 Debian's invoke-rc.d does not start what was installed.
  const environment = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
  const aptGet = [...asRoot, 'env', ...environment, 'apt-get', '-qq'];
  // Its failure is not the end: one broken source does not hinder the others.
  runList([...aptGet, 'update']);
  // A fresh machine may still be busy with updates of its own.
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
  const result = runList([...aptGet, 'install', ...options, 'redis-server']);
  // systemd does not know about that runlevel.
  if (!wasActive && isServiceActive()) {
    runList([...asRoot, 'systemctl', 'disable', '--now', 'redis-server']);
  }
  return problemOf(result);
}

function installWithBrew() {
  say('installing redis with brew, for the tests to start servers of their own');
  return problemOf(run('brew', ['install', 'redis']));
}

function isServiceActive() {
  if (!existsSync('/run/systemd/system')) return false;
  return run('systemctl', ['is-active', '--quiet', 'redis-server']).status === 0;
}

function isOnPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

function runList([program, ...args]) {
  return run(program, args);
}

function run(program, args) {
  return spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: INSTALL_TIMEOUT_MS,
  });
}

/** The last line of what a failed command said, in brackets; nothing when it succeeded. */
function problemOf({ status, stderr, error }) {
  if (status === 0) return '';
  const lastLine = (stderr ?? '').trim().split('\n').at(-1);
  return ` (${lastLine || error?.message || `exit code ${status}`})`;
}

function say(line) {
  console.log(`ensure-redis: ${line}`);
}

function fail(line) {
  console.error(`ensure-redis: ${line}`);
  return 1;
}
