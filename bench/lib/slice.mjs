import { setTimeout as delay } from 'node:timers/promises';
import { busyMicros, shareOfMachine } from './quiet.mjs';
import { difference, redisWork, round } from './redis-work.mjs';
import { median } from './statistics.mjs';

/** Until what a load leaves behind is done, such as the end of a job after its handler. */
const SETTLE_MS = 100;
/** Until the last answers to the lead-in have arrived; its hits must still be in their window. */
const BREATH_MS = 20;

/** Seconds under load before a slice of any of the group, until the windows of limits are full. */
export function leadInSeconds(contenders) {
  return Math.max(...contenders.map(({ windowMs = 0 }) => windowMs)) / 1_000;
}

/** Load that is not counted; all that it caused is over. */
export async function loadUncounted(running, seconds) {
  await running.warmUp(seconds);
  await delay(SETTLE_MS);
}

/**
 * One slice of a contender: what `run` resolves to, with the `commands` that Redis ran for it, and
 * the processor time of others, `foreignMicros`.
 *
 * @throws AssertionError when it did not do all its work
 */
export async function measureSlice(running, redis, { seconds, leadIn }) {
  if (leadIn > 0) {
    await running.run(leadIn);
    await delay(BREATH_MS);
  }
  const commandsBefore = await redis.commands();
  const before = await cpuTimes(redis);
  const done = await running.run(seconds);
  const after = await cpuTimes(redis);
  await delay(SETTLE_MS);
  const own = done.cpuMicros + after.redis - before.redis + after.parent - before.parent;
  const slice = {
    ...done,
    commands: difference(await redis.commands(), commandsBefore),
    foreignMicros: after.machine - before.machine - own,
  };
  running.check(slice);
  return slice;
}

async function cpuTimes(redis) {
  const { user, system } = process.cpuUsage();
  return { parent: user + system, machine: busyMicros(), redis: await redis.cpuMicros() };
}

/**
 * The slices of a contender as one result: rates and costs over all of them, the medians of their
 * p50 and p99, and the largest latency.
 */
export function summary(contender, slices) {
  const total = (field) => slices.reduce((sum, slice) => sum + slice[field], 0);
  const all = (field) => slices.map((slice) => slice[field]);
  const [count, seconds, cpuMicros] = ['count', 'seconds', 'cpuMicros'].map(total);
  return {
    id: contender.id,
    perSecond: round(count / seconds, 0),
    p50Ms: round(median(all('p50Ms')), 2),
    p99Ms: round(median(all('p99Ms')), 2),
    maxMs: round(Math.max(...all('maxMs')), 2),
    count,
    seconds: round(seconds, 2),
    cpuMicros: round(cpuMicros / count, 2),
    cpuShare: round(cpuMicros / (seconds * 1e6), 3),
    ...redisWork(contender, sumOf(all('commands')), count),
    disturbance: round(shareOfMachine(total('foreignMicros'), seconds), 3),
  };
}

function sumOf(slices) {
  const sum = {};
  for (const [name, { calls, micros }] of slices.flatMap(Object.entries)) {
    const was = sum[name] ?? { calls: 0, micros: 0 };
    sum[name] = { calls: was.calls + calls, micros: was.micros + micros };
  }
  return sum;
}
