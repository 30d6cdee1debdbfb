import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPT = join(process.cwd(), 'scripts/ensure-redis.mjs');

/** Runs as root already or through this one, so that the tests do not depend on who runs them. */
const SUDO = '[ "$1" = -n ] && shift\nexec "$@"';
const ENV = 'exec /usr/bin/env "$@"';

describe('ensure-redis', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'backplane-ensure-'));
    program('sudo', SUDO);
    program('env', ENV);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('says nothing and installs nothing where redis-server is on the PATH', () => {
    const { status, output } = ensureRedis(process.env['PATH']);
    expect({ status, output }).toEqual({ status: 0, output: '' });
  });

  it.each(['6.2.0', '7.0.15', '10.0.0'])('is content with version %s', (version) => {
    redisServer(version);
    program('apt-get', record());
    expect(ensureRedis()).toEqual({ status: 0, output: '', calls: [] });
  });

  it('does not replace an old server, which somebody may use', () => {
    redisServer('6.0.16');
    program('apt-get', record());
    const { status, output, calls } = ensureRedis();
    expect({ status, calls }).toEqual({ status: 1, calls: [] });
    expect(output).toContain('redis-server 6.0.16 is too old: install Redis >= 6.2');
  });

  it('installs with apt-get, unattended and without starting the service', () => {
    program('apt-get', `${record('$DEBIAN_FRONTEND/$RUNLEVEL')}\n${installOn('install')}`);
    const { status, output, calls } = ensureRedis();
    expect(status).toBe(0);
    expect(output.trim().split('\n')).toEqual([
      'ensure-redis: installing redis-server with apt-get, for the tests to start servers of their own',
    ]);
    expect(calls).toEqual([
      'noninteractive/1 apt-get -qq update',
      'noninteractive/1 apt-get -qq install -y --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server',
    ]);
  });

  it('installs although one package source could not be updated', () => {
    program('apt-get', `[ "$2" = update ] && exit 100\n${installOn('install')}`);
    expect(ensureRedis().status).toBe(0);
  });

  it('installs with brew where there is no apt-get', () => {
    program('brew', `${record()}\n${installOn('install')}`);
    expect(ensureRedis()).toMatchObject({
      status: 0,
      calls: [expect.stringContaining('brew install redis')],
    });
  });

  it('fails with the reason when the installation fails', () => {
    program('apt-get', 'echo "E: Unable to locate package redis-server" >&2\nexit 100');
    const { status, output } = ensureRedis();
    expect(status).toBe(1);
    expect(output.trim().split('\n').at(-1)).toBe(
      'ensure-redis: the installation left no redis-server on the PATH ' +
        '(E: Unable to locate package redis-server): install Redis >= 6.2, such as with ' +
        '`sudo apt-get install redis-server` or `brew install redis`',
    );
  });

  it('fails when the system only offers an old server', () => {
    program('apt-get', installOn('install', '6.0.16'));
    const { status, output } = ensureRedis();
    expect(status).toBe(1);
    expect(output).toContain('the installation left redis-server 6.0.16 on the PATH');
  });

  it('says in one line what to install where it cannot install anything', () => {
    const { status, output } = ensureRedis();
    expect(status).toBe(1);
    expect(output.trim().split('\n')).toEqual([
      expect.stringContaining('redis-server is not on the PATH: install Redis >= 6.2'),
    ]);
  });

  function ensureRedis(path = folder) {
    const result = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8', env: { PATH: path } });
    const recorded = join(folder, 'calls');
    const calls = existsSync(recorded) ? readFileSync(recorded, 'utf8').trim().split('\n') : [];
    return { status: result.status, output: result.stdout + result.stderr, calls };
  }

  function program(name: string, body: string): void {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  }

  function redisServer(version: string): void {
    program('redis-server', `echo "${versionLine(version)}"`);
  }

  /** Shell that notes how it was called, after the given words. */
  function record(words = ''): string {
    return `echo ${words} "\${0##*/} $*" >> "${folder}/calls"`;
  }

  /** Shell that puts a redis-server on the PATH when `verb` is among the arguments. */
  function installOn(verb: string, version = '7.0.15'): string {
    const target = `${folder}/redis-server`;
    return `case " $* " in *" ${verb} "*)
      printf '#!/bin/sh\\necho "%s"\\n' '${versionLine(version)}' > "${target}"
      /bin/chmod 755 "${target}";; esac`;
  }
});

function versionLine(version: string): string {
  return `Redis server v=${version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64`;
}
