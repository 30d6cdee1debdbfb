import { CONTENTION } from '../settings.mjs';

const { waiters, handOffWaiters } = CONTENTION;

/** `figures`: what `run` of a contender found, each with the most that ours may need, the `bar`. */
export const CONTENTION_GROUPS = [
  {
    group: 'lock-contention',
    title: 'D. Lock: one key that many want (less is better)',
    figures: [
      { name: 'commandsPerSection', title: `${waiters} waiters: commands/section`, bar: 2.5 },
      { name: 'longestWaitMs', title: `${waiters} waiters: longest wait ms`, bar: 350 },
      { name: 'handOffP99Ms', title: `${handOffWaiters} waiters: hand-off p99 ms`, bar: 2 },
      { name: 'idleCommandsPerSecond', title: `${waiters} idle waiters: commands/s`, bar: 100 },
    ],
  },
];

const contention = async (module, applications) => {
  const { lockContention } = await import('../operations/lock-contention.mjs');
  return lockContention((await module()).open, applications);
};
const ours = () => import('../ours/lock.mjs');

export const CONTENTION_CONTENDERS = [
  {
    id: 'lock-contention-ours',
    title: '`LockService`',
    against: ['lock-contention-redlock', 'lock-contention-redis-semaphore'],
    redis: { evalsha: 2 },
    load: () => contention(ours),
  },
  {
    id: 'lock-contention-ours-two',
    title: '`LockService` of two applications in turn',
    redis: { evalsha: 2 },
    load: () => contention(ours, 2),
  },
  {
    id: 'lock-contention-redlock',
    title: 'redlock',
    redis: { evalsha: 2 },
    load: () => contention(() => import('../peers/redlock.mjs')),
  },
  {
    id: 'lock-contention-redis-semaphore',
    title: 'redis-semaphore',
    redis: { set: 1, evalsha: 1 },
    load: () => contention(() => import('../peers/redis-semaphore.mjs')),
  },
].map((contender) => ({ ...contender, group: 'lock-contention' }));
