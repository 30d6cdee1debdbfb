import { ContentionContender } from './contention-contender.mjs';
import { HttpContender } from './http-contender.mjs';
import { OperationContender } from './operation-contender.mjs';
import { leadInSeconds, loadUncounted, measureSlice } from './slice.mjs';

const KINDS = {
  http: HttpContender,
  operation: OperationContender,
  contention: ContentionContender,
};

/**
 * Starts the contenders of a group together, each with a database of its own, and measures them in
 * slices in turn, so that what slows the machine down for a while slows all of them down. While one
 * works the others are frozen: the core is its own, and so is every command that Redis counts.
 *
 * `turn` moves the order on. Resolves to the results by the contenders' ids.
 *
 * @throws AssertionError when one of them does not do its work
 */
export async function measureGroup(contenders, { redis, timing, turn, ...settings }) {
  await redis.reset();
  const leadIn = leadInSeconds(contenders);
  const group = await startAll(contenders, { redis, ...settings });
  try {
    for (const one of inTurn(group, turn)) {
      await alone(one, async () => {
        await one.prove();
        await loadUncounted(one, timing.warmUpSeconds - leadIn);
      });
    }
    const slices = await measureSlices(group, { redis, timing: { ...timing, leadIn }, turn });
    for (const one of group) await alone(one, () => one.prove());
    return Object.fromEntries(group.map((one) => [one.contender.id, one.summary(slices.get(one))]));
  } finally {
    await Promise.all(group.map((one) => one.stop()));
  }
}

/** All of them, frozen; or none, when one does not start. */
async function startAll(contenders, { redis, cores, nodeOptions }) {
  const starting = await Promise.allSettled(
    contenders.map(async (contender, index) => {
      const running = await KINDS[contender.kind].start(contender, {
        redisUrl: redis.databaseUrl(index),
        core: cores?.contender,
        nodeOptions,
      });
      running.freeze();
      return running;
    }),
  );
  const started = starting.flatMap(({ value }) => value ?? []);
  const failed = starting.find(({ status }) => status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map((one) => one.stop()));
  throw failed.reason;
}

/** The slices of each, every pass beginning with another one. */
async function measureSlices(group, { redis, timing, turn }) {
  const slices = new Map(group.map((one) => [one, []]));
  for (let pass = 0; pass < timing.slices; pass += 1) {
    for (const one of inTurn(group, turn + pass)) {
      const measure = () => measureSlice(one, redis, timing);
      slices.get(one).push(await alone(one, measure));
    }
  }
  return slices;
}

function inTurn(group, turn) {
  const first = turn % group.length;
  return [...group.slice(first), ...group.slice(0, first)];
}

/** The others of the group are frozen meanwhile, and so is this one afterwards. */
async function alone(one, work) {
  await one.thaw();
  try {
    return await work();
  } finally {
    one.freeze();
  }
}
