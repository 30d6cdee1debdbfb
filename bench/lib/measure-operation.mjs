import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { ContenderProcess } from './contender-process.mjs';
import { busyMicros, shareOfMachine } from './quiet.mjs';
import { checkCommands, difference, redisWork, round } from './redis-work.mjs';

/** Beyond the time it was told to operate; an operation that never ends is found by it. */
const PATIENCE_MS = 10_000;
/** Until what an operation leaves behind is done, such as the end of a job after its handler. */
const SETTLE_MS = 200;

/**
 * Starts a contender, has it prove that it does its work, measures it, and has it prove it again.
 */
export async function measureOperation(contender, { redis, cores, nodeOptions, ...timing }) {
  await redis.reset();
  const { contender: process_ } = await ContenderProcess.start(contender, {
    redisUrl: redis.url,
    core: cores?.contender,
    nodeOptions,
  });
  const ask = async (message) => {
    const waitMs = (message.seconds ?? 0) * 1_000 + PATIENCE_MS;
    const { error, result } = await process_.ask(message, waitMs);
    assert.ok(error === undefined, `${contender.id}: ${error}`);
    return result;
  };
  try {
    await ask({});
    await ask({ seconds: timing.warmUpSeconds });
    await delay(SETTLE_MS);
    const measured = await counted(() => ask({ seconds: timing.seconds }), redis);
    await ask({});
    const { operations } = measured.result;
    assert.ok(operations > 0, `${contender.id}: no operation`);
    checkCommands(contender, measured.commands, operations);
    return summary(contender, measured);
  } finally {
    await process_.stop();
  }
}

/** With the commands and the processor time that `run` costs. */
async function counted(run, redis) {
  const commandsBefore = await redis.commands();
  const before = await cpuTimes(redis);
  const result = await run();
  const after = await cpuTimes(redis);
  await delay(SETTLE_MS);
  const own = result.cpuMicros + after.redis - before.redis + after.parent - before.parent;
  return {
    result,
    commands: difference(await redis.commands(), commandsBefore),
    disturbance: shareOfMachine(after.machine - before.machine - own, result.seconds),
  };
}

async function cpuTimes(redis) {
  const { user, system } = process.cpuUsage();
  return { parent: user + system, machine: busyMicros(), redis: await redis.cpuMicros() };
}

function summary(contender, { result, commands, disturbance }) {
  const { operations, seconds, cpuMicros } = result;
  return {
    id: contender.id,
    perSecond: round(operations / seconds, 0),
    p50Ms: round(result.p50Ms, 2),
    p99Ms: round(result.p99Ms, 2),
    maxMs: round(result.maxMs, 2),
    count: operations,
    seconds: round(seconds, 2),
    cpuMicros: round(cpuMicros / operations, 2),
    cpuShare: round(cpuMicros / (seconds * 1e6), 3),
    ...redisWork(contender, commands, operations),
    disturbance: round(disturbance, 3),
  };
}
