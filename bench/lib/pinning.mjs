import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Pins this process, the load generator, to the first core and says which cores are for the others:
 * the contender under test gets the last one to itself; Redis shares ours where there are only two.
 * `undefined` where processes cannot be pinned.
 */
export function pinToCores() {
  const cores = availableParallelism();
  if (cores < 2 || spawnSync('taskset', ['-cp', '0', String(process.pid)]).status !== 0) {
    return undefined;
  }
  return { load: 0, redis: cores > 2 ? 1 : 0, contender: cores - 1 };
}

/** The command that runs `command` on a core. */
export function onCore(core, command) {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}
