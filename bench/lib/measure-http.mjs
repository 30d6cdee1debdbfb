import assert from 'node:assert/strict';
import autocannon from 'autocannon';
import { CONNECTIONS, PATH } from '../settings.mjs';
import { ContenderProcess } from './contender-process.mjs';
import { busyMicros, shareOfMachine } from './quiet.mjs';
import { checkCommands, difference, redisWork, round } from './redis-work.mjs';

/** Starts a contender, checks that it does its work, measures it, and checks again. */
export async function measureHttp(contender, { redis, cores, nodeOptions, ...timing }) {
  await redis.reset();
  const { contender: process_, hello } = await ContenderProcess.start(contender, {
    redisUrl: redis.url,
    core: cores?.contender,
    nodeOptions,
  });
  const server = {
    counters: () => process_.ask('counters'),
    url: `http://127.0.0.1:${hello.port}${PATH}`,
    headers: hello.headers,
  };
  try {
    await get(server); // A cache misses once.
    checkAnswer(contender, await get(server));
    await load(server, timing.warmUpSeconds);
    await settle();
    const measured = await underLoad(server, redis, timing.seconds);
    checkAnswer(contender, await get(server));
    checkWork(contender, measured);
    return summary(contender, measured);
  } finally {
    await process_.stop();
  }
}

async function underLoad(server, redis, seconds) {
  const commandsBefore = await redis.commands();
  const before = await cpuTimes(server, redis);
  const result = await load(server, seconds);
  const after = await cpuTimes(server, redis);
  const cpuMicros = after.server - before.server;
  const own = cpuMicros + after.redis - before.redis + after.load - before.load;
  return {
    result,
    cpuMicros,
    handlerRuns: after.handlerRuns - before.handlerRuns,
    commands: difference(await redis.commands(), commandsBefore),
    disturbance: shareOfMachine(after.machine - before.machine - own, result.duration),
  };
}

/** What each has used so far, in µs; and the handler's runs, which come with the server's. */
async function cpuTimes(server, redis) {
  const { handlerRuns, cpuMicros } = await server.counters();
  const { user, system } = process.cpuUsage();
  const machine = busyMicros();
  return {
    handlerRuns,
    server: cpuMicros,
    load: user + system,
    redis: await redis.cpuMicros(),
    machine,
  };
}

function load({ url, headers }, seconds) {
  return autocannon({ url, headers, connections: CONNECTIONS, duration: seconds });
}

/** Lets the warm-up's last answers arrive, so that they are not counted. */
function settle() {
  return new Promise((resolve) => setTimeout(resolve, 200));
}

async function get({ url, headers }) {
  const response = await fetch(url, { headers });
  return { response, body: await response.json() };
}

function checkAnswer({ id, headers, body: expectedBody }, { response, body }) {
  assert.equal(response.status, 200, `${id}: status`);
  assert.deepEqual(body, expectedBody, `${id}: body`);
  for (const [name, expected] of Object.entries(headers)) {
    assert.match(response.headers.get(name) ?? '(none)', expected, `${id}: header ${name}`);
  }
}

/** Every request was answered with 200 and cost what the contender promises to do. */
function checkWork(contender, { result, handlerRuns, commands }) {
  const { id } = contender;
  const answered = result['2xx'];
  assert.ok(answered > 0, `${id}: no answer`);
  assert.equal(result.non2xx + result.errors + result.timeouts, 0, `${id}: failed requests`);
  if (contender.handlerRuns === 'never') {
    assert.equal(handlerRuns, 0, `${id}: a cached answer ran the handler`);
  } else {
    assert.ok(handlerRuns >= answered, `${id}: the handler did not run each time`);
  }
  checkCommands(contender, commands, answered);
}

function summary(contender, { result, cpuMicros, commands, disturbance }) {
  const answered = result['2xx'];
  return {
    id: contender.id,
    perSecond: round(answered / result.duration, 0),
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
    count: answered,
    seconds: result.duration,
    cpuMicros: round(cpuMicros / answered, 2),
    cpuShare: round(cpuMicros / (result.duration * 1e6), 3),
    ...redisWork(contender, commands, answered),
    disturbance: round(disturbance, 3),
  };
}
