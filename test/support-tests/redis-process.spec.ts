import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformFileSync } from '@swc/core';
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import {
  PortTakenError,
  RedisProcess,
  type RedisProcessOptions,
} from '../support/redis/redis-process.js';
import { infoField, queryRedis } from '../support/redis/redis-query.js';

describe('a Redis process', () => {
  const servers: RedisProcess[] = [];

  async function start(options?: RedisProcessOptions): Promise<RedisProcess> {
    const server = await RedisProcess.start(options);
    servers.push(server);
    return server;
  }

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  it('answers as the very child that was started', async () => {
    const server = await start();
    const info = await queryRedis(server.url, (client) => client.info('server'));
    expect(infoField(info, 'process_id')).toBe(String(server.pid));
    expect(infoField(info, 'tcp_port')).toBe(String(server.port));
  });

  it('keeps nothing on disk', async () => {
    const server = await start();
    const [saves, log] = await queryRedis(server.url, async (client) => [
      String(await client.config('GET', 'save')),
      String(await client.config('GET', 'appendonly')),
    ]);
    expect({ saves, log }).toEqual({ saves: 'save,', log: 'appendonly,no' });
  });

  it('is silent while frozen and executes afterwards what arrived meanwhile', async () => {
    const server = await start();
    const client = new Redis(server.url, { commandTimeout: 300, maxRetriesPerRequest: 0 });
    try {
      await client.ping();
      server.freeze();
      await expect(client.incr('hits')).rejects.toThrow('timed out');
      server.thaw();
      await eventually(async () => (await client.get('hits')) === '1');
    } finally {
      client.disconnect();
    }
  });

  it('is gone after a kill and comes back empty on the same port with a new pid', async () => {
    const server = await start();
    const { pid, port } = server;
    await queryRedis(server.url, (client) => client.set('key', 'value'));
    await server.kill();
    expect(isAlive(pid)).toBe(false);
    expect(() => server.pid).toThrow('is not running');
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await queryRedis(server.url, (client) => client.dbsize())).toBe(0);
  });

  it.each(['running', 'frozen', 'killed'])(
    'leaves nothing behind when stopped %s',
    async (state) => {
      const server = await start();
      const { pid } = server;
      const folder = await queryRedis(server.url, async (client) => {
        const setting: unknown = await client.config('GET', 'dir');
        return String(Array.isArray(setting) ? setting[1] : setting);
      });
      expect(existsSync(folder)).toBe(true);
      if (state === 'frozen') server.freeze();
      if (state === 'killed') await server.kill();
      await server.stop();
      await server.stop();
      expect(isAlive(pid)).toBe(false);
      expect(existsSync(folder)).toBe(false);
    },
  );

  it('refuses a port that another Redis holds and leaves that one alone', async () => {
    const first = await start();
    await expect(start({ port: first.port })).rejects.toThrow(PortTakenError);
    expect(await queryRedis(first.url, (client) => client.ping())).toBe('PONG');
  });

  it('asks for the password it was given', async () => {
    const server = await start({ password: 'secret' });
    expect(await queryRedis(server.url, (client) => client.ping())).toBe('PONG');
    const anonymous = queryRedis(`redis://127.0.0.1:${server.port}`, (client) => client.ping());
    await expect(anonymous).rejects.toThrow('NOAUTH');
  });

  it('takes further arguments', async () => {
    const server = await start({ extraArgs: ['--maxmemory', '10mb'] });
    const info = await queryRedis(server.url, (client) => client.info('memory'));
    expect(infoField(info, 'maxmemory')).toBe(String(10 * 1024 * 1024));
  });

  it('fails with the end of the log when the server does not start', async () => {
    await expect(start({ extraArgs: ['--no-such-option', '1'] })).rejects.toThrow(
      /stopped at once; its log ends with:[^]*no-such-option/,
    );
  });

  it('says in one line what to do without a redis-server', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = '/nonexistent';
    try {
      await expect(start()).rejects.toThrow(
        'redis-server is not on the PATH; run `npm test`, which installs it, or install Redis >= 6.2',
      );
    } finally {
      process.env['PATH'] = PATH;
    }
  });
});

describe('the orphan guard', () => {
  it('ends the child and removes its folder when the owner is killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backplane-orphan-'));
    const owner = spawn(process.execPath, ['-e', ownerProgram(folder)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const childPid = Number(line);
    expect(isAlive(childPid)).toBe(true);
    owner.kill('SIGKILL');
    await eventually(() => !isAlive(childPid));
    await eventually(() => !existsSync(folder));
  });

  /** A process that starts a child, guards it and waits to be killed. */
  function ownerProgram(folder: string): string {
    const { code } = transformFileSync(join(process.cwd(), 'test/support/redis/orphan-guard.ts'), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    return `${code}
      const child = require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' });
      exports.guardAgainstOrphan(child.pid, ${JSON.stringify(folder)});
      console.log(child.pid);`;
  }
});

/** Whether the process exists and is not just waiting for its parent to notice its end. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}
