import assert from 'node:assert/strict';

/** What happened between two answers of `RedisServer.commands`. */
export function difference(after, before) {
  const grown = {};
  for (const [name, { calls, micros }] of Object.entries(after)) {
    const was = before[name] ?? { calls: 0, micros: 0 };
    if (calls > was.calls) grown[name] = { calls: calls - was.calls, micros: micros - was.micros };
  }
  return grown;
}

/** Redis was asked as often as the contender promises, or not at all. */
export function checkCommands({ id, redis, inScripts }, commands, count) {
  if (redis === undefined) {
    assert.deepEqual(commands, {}, `${id}: asked Redis although it should not`);
    return;
  }
  for (const [name, each] of Object.entries({ ...redis, ...inScripts })) {
    const { calls = 0 } = commands[name] ?? {};
    assert.ok(calls >= each * count, `${id}: ${calls} × ${name} for ${count} × ${each}`);
  }
}

/**
 * Of each request or operation: what the contender sent, what Redis ran for it, commands in scripts
 * included, and the time that took. The time of a script contains that of its commands.
 */
export function redisWork({ redis = {} }, commands, count) {
  const sent = Object.keys(redis).map((name) => commands[name] ?? { calls: 0, micros: 0 });
  const total = (of, field) => of.reduce((sum, one) => sum + one[field], 0);
  return {
    redisMicros: round(total(sent, 'micros') / count, 2),
    redisSent: round(total(sent, 'calls') / count, 2),
    redisRun: round(total(Object.values(commands), 'calls') / count, 2),
    redisCommands: Object.fromEntries(
      Object.entries(commands).map(([name, { calls }]) => [name, calls]),
    ),
  };
}

export function round(value, digits) {
  return Number(value.toFixed(digits));
}
