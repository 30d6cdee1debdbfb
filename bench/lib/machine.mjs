import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const PACKAGES = [
  '@nestjs/core',
  'fastify',
  'express',
  'ioredis',
  '@nestjs/cache-manager',
  'cache-manager',
  '@keyv/redis',
  'cacheable',
  '@nestjs/throttler',
  '@nest-lab/throttler-storage-redis',
  'express-session',
  'connect-redis',
  'redis',
  'redlock',
  'redis-semaphore',
  'bullmq',
  'autocannon',
];

/** What the numbers depend on. */
export function describeMachine({ root, redisVersion, cores }) {
  return {
    // Not availableParallelism(): this process is pinned to one of them by now.
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    node: process.versions.node,
    redis: redisVersion,
    pinned: cores !== undefined,
    commit: commitOf(root),
    versions: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(root, name)])),
  };
}

function versionOf(root, name) {
  return JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, 'utf8')).version;
}

/** With `+` where the library's sources differ from it. */
function commitOf(root) {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim();
  const changed = git('status', '--porcelain', '--', 'src') ? '+' : '';
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed}`;
}
