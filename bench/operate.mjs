/**
 * A contender whose operation is called in this process; started by `run.mjs`, which it outlives by
 * nothing.
 *
 *   node bench/operate.mjs <contender> <redis url>
 *
 * Told to `run` for some `seconds` it answers what came of it; told to `prove`, it proves that it
 * does its work; a `ping` is just answered. What does more than to operate has a `run` of its own, and
 * something else to do before it, `warmUp`.
 */
import 'reflect-metadata';
import { createHistogram } from 'node:perf_hooks';
import { contenderById } from './contenders.mjs';

const [id, redisUrl] = process.argv.slice(2);
const { load, concurrency } = contenderById(id);
const create = await load();
const { prove, operate, run = closedLoop, warmUp = run } = await create(redisUrl);

const tasks = { ping: async () => undefined, prove, warmUp, run };

process.on('message', ({ task, seconds }) => {
  void tasks[task](seconds).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: error.stack }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

/** A closed loop: each slot begins its next operation when the one before is done. */
async function closedLoop(seconds) {
  const micros = createHistogram();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const end = startedAt + seconds * 1_000;
  const slot = async (number) => {
    for (let from = performance.now(); from < end;) {
      await operate(number);
      const now = performance.now();
      micros.record(Math.max(1, Math.round((now - from) * 1_000)));
      from = now;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, number) => slot(number)));
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    count: micros.count,
    seconds: (performance.now() - startedAt) / 1_000,
    p50Ms: micros.percentile(50) / 1_000,
    p99Ms: micros.percentile(99) / 1_000,
    maxMs: micros.max / 1_000,
    cpuMicros: user + system,
  };
}
