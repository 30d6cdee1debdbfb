import assert from 'node:assert/strict';
import autocannon from 'autocannon';
import { CONNECTIONS, LIMIT, PATH } from '../settings.mjs';
import { ContenderProcess } from './contender-process.mjs';
import { checkCommands } from './redis-work.mjs';
import { RunningContender } from './running-contender.mjs';

/** Part of a full window at the rate of a slice that has to be counted; the rate varies. */
const FULL_ENOUGH = 0.6;

/** How often autocannon looks whether its time is over. */
const TICK_MS = 50;

/** A server that is asked over the network. */
export class HttpContender extends RunningContender {
  #url;
  #headers;
  #hasAnswered = false;

  static async start(contender, settings) {
    const { process, hello } = await ContenderProcess.start(contender, settings);
    return new HttpContender(contender, process, hello);
  }

  constructor(contender, process, { port, headers }) {
    super(contender, process);
    this.#url = `http://127.0.0.1:${port}${PATH}`;
    this.#headers = headers;
  }

  ping() {
    return this.#counters();
  }

  async prove() {
    // A cache misses once.
    if (!this.#hasAnswered) await this.#get();
    this.#hasAnswered = true;
    const { id, headers, body: expectedBody } = this.contender;
    const { response, body } = await this.#get();
    assert.equal(response.status, 200, `${id}: status`);
    assert.deepEqual(body, expectedBody, `${id}: body`);
    for (const [name, expected] of Object.entries(headers)) {
      assert.match(response.headers.get(name) ?? '(none)', expected, `${id}: header ${name}`);
    }
  }

  async run(seconds) {
    const usedBefore = await this.#used();
    const before = await this.#counters();
    const result = await autocannon({
      url: this.#url,
      headers: this.#headers,
      connections: CONNECTIONS,
      duration: seconds,
      sampleInt: TICK_MS,
    });
    const after = await this.#counters();
    const used = await this.#used();
    return {
      used,
      grownBy: used - usedBefore,
      count: result['2xx'],
      // Its own `duration` is rounded to 10 ms.
      seconds: (result.finish - result.start) / 1_000,
      p50Ms: result.latency.p50,
      p99Ms: result.latency.p99,
      maxMs: result.latency.max,
      cpuMicros: after.cpuMicros - before.cpuMicros,
      failed: result.non2xx + result.errors + result.timeouts,
      handlerRuns: after.handlerRuns - before.handlerRuns,
    };
  }

  /** Every request was answered with 200 and cost what the contender promises to do. */
  check({ count, failed, handlerRuns, commands, ...slice }) {
    const { id } = this.contender;
    assert.ok(count > 0, `${id}: no answer`);
    assert.equal(failed, 0, `${id}: failed requests`);
    if (this.contender.handlerRuns === 'never') {
      assert.equal(handlerRuns, 0, `${id}: a cached answer ran the handler`);
    } else {
      assert.ok(handlerRuns >= count, `${id}: the handler did not run each time`);
    }
    this.#checkCounted({ count, ...slice });
    checkCommands(this.contender, commands, count);
  }

  #checkCounted({ count, seconds, used, grownBy }) {
    const { id, countsEach, windowMs } = this.contender;
    if (countsEach === 'growth') {
      assert.ok(grownBy >= count, `${id}: counted ${grownBy} of ${count} requests`);
    }
    // A longer slice than the window says nothing; the load before this one may have been slower.
    if (countsEach !== 'full-window' || seconds * 1_000 > windowMs) return;
    const expected = ((count * windowMs) / (seconds * 1_000)) * FULL_ENOUGH;
    assert.ok(used >= expected, `${id}: counted ${used} in a window, less than ${expected}`);
  }

  /** Hits that its limit holds against it; 0 where nothing asks. */
  async #used() {
    if (this.contender.countsEach === undefined) return 0;
    const { response } = await this.#get();
    return LIMIT - Number(response.headers.get('x-ratelimit-remaining'));
  }

  #counters() {
    return this.process.ask('counters');
  }

  async #get() {
    const response = await fetch(this.#url, { headers: this.#headers });
    return { response, body: await response.json() };
  }
}
