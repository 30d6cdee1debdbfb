/**
 * What `examples/minimal` answers, module by module, while it is served from an installed package.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const REQUEST_TIMEOUT_MS = 60_000;
const EVENTUALLY_MS = 20_000;
const ORDERS = 5;
const NUMBERS = Array.from({ length: ORDERS }, (_, index) => index + 1);

/** @throws AssertionError naming the first module that does not answer as it should */
export async function askExample(url) {
  const send = (method, path, init = {}) => request(`${url}${path}`, { method, ...init });
  await part('health', () => checkHealth(send));
  await part('cache', () => checkCache(send));
  const cookie = await part('session', () => signIn(send));
  await part('lock', () => placeOrders(send, cookie));
  await part('pubsub', () => checkAnnounced(send));
  await part('queue', () => checkReceipts(send));
  await part('throttle', () => checkLimit(send));
}

async function part(module, check) {
  try {
    return await check();
  } catch (error) {
    throw new Error(`${module}: ${error.message}`, { cause: error });
  }
}

async function checkHealth(send) {
  const { status, body } = await send('GET', '/health');
  assert.deepEqual([status, body.status], [200, 'up']);
  assert.deepEqual(body.services, {
    cache: 'custom',
    rate_limiting: 'memory',
    lock: 'memory',
    session_storage: 'memory',
    pubsub: 'memory',
    queue: 'database',
  });
}

/** The second answer is the first, time of day and all. */
async function checkCache(send) {
  const [first, second] = [await send('GET', '/price'), await send('GET', '/price')];
  const states = [first, second].map(({ headers }) => headers.get('x-cache'));
  assert.deepEqual(states, ['MISS', 'HIT']);
  assert.equal(first.body.eur, 9.5);
  assert.deepEqual(second.body, first.body);
}

async function signIn(send) {
  const closed = await send('POST', '/orders');
  assert.deepEqual([closed.status, closed.body.code], [401, 'E_SESSION_REQUIRED']);
  const nobody = await send('POST', '/sign-in', form({}));
  assert.deepEqual([nobody.status, nobody.body.code], [400, 'E_INVALID_OPTION']);
  const { status, headers } = await send('POST', '/sign-in', form({ userId: 'ada' }));
  assert.equal(status, 201);
  const [cookie] = headers.getSetCookie();
  assert.match(cookie ?? 'no cookie', /^sid=[^;]+;.*HttpOnly/);
  return cookie.split(';')[0];
}

/** Each order reads the last number, waits and writes the next one. */
async function placeOrders(send, cookie) {
  const order = () => send('POST', '/orders', { headers: { cookie } });
  // Under the lock the first one starts the database, for which the others do not wait long enough
  // on a slow machine.
  const first = await order();
  const placed = [first, ...(await Promise.all(NUMBERS.slice(1).map(order)))];
  assert.deepEqual(
    placed.map(({ status }) => status),
    NUMBERS.map(() => 201),
  );
  assert.deepEqual(
    placed.map(({ body }) => body.number).toSorted((a, b) => a - b),
    NUMBERS,
  );
}

/** Events come in the order in which they were published: under the lock. */
async function checkAnnounced(send) {
  await eventually(async () => {
    const { body } = await send('GET', '/orders');
    const expected = NUMBERS.map((number) => ({ number, userId: 'ada' }));
    assert.deepEqual(body.announced, expected);
  });
}

async function checkReceipts(send) {
  await eventually(async () => {
    const { body } = await send('GET', '/orders');
    const numbers = body.receipts.map(({ number }) => number);
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      NUMBERS,
    );
  });
}

/** Two of three sign-ins a minute are spent. */
async function checkLimit(send) {
  const last = await send('POST', '/sign-in', form({ userId: 'ada' }));
  const over = await send('POST', '/sign-in', form({ userId: 'ada' }));
  assert.deepEqual([last.status, over.status], [201, 429]);
  assert.deepEqual(
    ['x-ratelimit-limit', 'x-ratelimit-backend'].map((name) => over.headers.get(name)),
    ['3', 'memory'],
  );
  assert.equal(over.body.retry_after, Number(over.headers.get('retry-after')));
}

function form(fields) {
  return { body: new URLSearchParams(fields) };
}

async function request(url, init) {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function eventually(check) {
  const end = performance.now() + EVENTUALLY_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await sleep(100);
  }
}
