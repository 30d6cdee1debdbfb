import assert from 'node:assert/strict';
import { createHistogram } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { sentCommands } from '../lib/sent-commands.mjs';
import { median } from '../lib/statistics.mjs';
import { CONTENTION, LOCK_TTL_MS } from '../settings.mjs';
import { lockOperation } from './lock.mjs';

const KEY = 'wanted-by-many';
/** Until everybody has asked, and what comes with the first waiter is done, such as subscribing. */
const SETTLE_MS = 500;

/**
 * One key that many want.
 *
 * @param open resolves to what `lockOperation` takes, with `wait(key, ttlMs)` besides: resolves to
 * the lock, however long that takes
 * @param applications ask in turn, each with connections of its own: as processes do
 */
export function lockContention(open, applications = 1) {
  return async (redisUrl) => {
    const opened = [];
    for (let index = 0; index < applications; index += 1) opened.push(await open(redisUrl));
    const contest = new Contest(opened);
    return {
      ...lockOperation(opened[0]),
      warmUp: (seconds) => contest.warmUp(seconds),
      run: (seconds) => contest.run(seconds),
    };
  };
}

/** What is done under the lock: proves that nobody does it beside another. */
class Section {
  /** How often it was entered. */
  entries = 0;
  #isTaken = false;
  #leftAt;
  #tellEntered;

  /** Returns how many ms ago the one before began to give the lock back. */
  enter() {
    assert.equal(this.#isTaken, false, 'two had the lock at once');
    this.#isTaken = true;
    this.entries += 1;
    this.#tellEntered?.();
    return performance.now() - this.#leftAt;
  }

  /** Right before the lock is given back. `next` resolves when the next one has it. */
  leave() {
    this.#isTaken = false;
    this.#leftAt = performance.now();
    return { next: new Promise((resolve) => (this.#tellEntered = resolve)) };
  }
}

class Contest {
  #opened;

  constructor(opened) {
    this.#opened = opened;
  }

  async warmUp(seconds) {
    for (const end = performance.now() + seconds * 1_000; performance.now() < end;) {
      await this.#crowd();
    }
  }

  /** Everything, once; waits idly for `seconds`. `count`: how often the lock was taken. */
  async run(seconds) {
    // Connections that were idle before have caught up.
    await this.#crowd();
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const crowds = [];
    for (let index = 0; index < CONTENTION.crowds; index += 1) crowds.push(await this.#crowd());
    const sent = crowds.reduce((sum, crowd) => sum + crowd.sent, 0);
    const handOffs = await this.#handOffs();
    const idle = await this.#idle(seconds);
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      count: CONTENTION.waiters * CONTENTION.crowds + handOffs.entries + idle.entries,
      seconds: (performance.now() - startedAt) / 1_000,
      cpuMicros: user + system,
      figures: {
        commandsPerSection: sent / (CONTENTION.waiters * CONTENTION.crowds),
        longestWaitMs: median(crowds.map(({ longestMs }) => longestMs)),
        // Not in the table; beside it the other tells whether the machine was busy.
        handOffP50Ms: handOffs.p50Ms,
        handOffP99Ms: handOffs.p99Ms,
        idleCommandsPerSecond: idle.perSecond,
      },
    };
  }

  /** All ask at the same time, and each gets it once. */
  async #crowd() {
    const section = new Section();
    const sentBefore = sentCommands();
    const waits = await this.#each(CONTENTION.waiters, async (number) => {
      const askedAt = performance.now();
      const lock = await this.#wait(number);
      const waitedMs = performance.now() - askedAt;
      section.enter();
      await delay(CONTENTION.holdMs);
      section.leave();
      await this.#release(number, lock);
      return waitedMs;
    });
    assert.equal(section.entries, CONTENTION.waiters, 'not everybody got the lock once');
    return { longestMs: Math.max(...waits), sent: sentCommands() - sentBefore };
  }

  /**
   * From the call that gives it back to the next one's grant, with the same number of waiters every
   * time: who gave it back asks again when somebody else has it. Before that, it would often give it
   * to itself, where there is no queue.
   */
  async #handOffs() {
    const section = new Section();
    const micros = createHistogram();
    const isOver = () => micros.count >= CONTENTION.handOffs;
    const work = async (number) => {
      while (!isOver()) {
        const lock = await this.#wait(number);
        const handedOverMs = section.enter();
        // Those who still wait at the end are fewer and fewer; the first one got it from nobody.
        if (!isOver() && section.entries > 1) micros.record(toMicros(handedOverMs));
        await delay(CONTENTION.holdMs);
        const { next } = section.leave();
        await this.#release(number, lock);
        if (!isOver()) await next;
      }
    };
    // So far apart that applications come in turn; they stay in this order where there is a queue.
    await this.#each(CONTENTION.handOffWaiters + 1, work, () => delay(CONTENTION.holdMs));
    const [p50Ms, p99Ms] = [50, 99].map((share) => micros.percentile(share) / 1_000);
    return { entries: section.entries, p50Ms, p99Ms };
  }

  /** Commands that are sent while nothing happens: one has it, and the others wait. */
  async #idle(seconds) {
    const section = new Section();
    const holder = await this.#wait(0);
    section.enter();
    const waiting = this.#each(CONTENTION.waiters, async (number) => {
      const lock = await this.#wait(number);
      section.enter();
      section.leave();
      await this.#release(number, lock);
    });
    // It is awaited below, where its failure counts.
    waiting.catch(() => undefined);
    await delay(SETTLE_MS);
    const sentBefore = sentCommands();
    await delay(seconds * 1_000);
    const perSecond = (sentCommands() - sentBefore) / seconds;
    assert.equal(section.entries, 1, 'somebody did not wait');
    section.leave();
    await this.#release(0, holder);
    await waiting;
    assert.equal(section.entries, CONTENTION.waiters + 1, 'not everybody got the lock once');
    return { entries: section.entries, perSecond };
  }

  /** Started one after the other, a `pause` apart. */
  async #each(count, work, pause = turn) {
    const started = [];
    for (let number = 0; number < count; number += 1) {
      const one = work(number);
      // It may fail while others are started; it is awaited below.
      one.catch(() => undefined);
      started.push(one);
      await pause();
    }
    return Promise.all(started);
  }

  #wait(number) {
    return this.#application(number).wait(KEY, LOCK_TTL_MS);
  }

  #release(number, lock) {
    return this.#application(number).release(lock);
  }

  #application(number) {
    return this.#opened[number % this.#opened.length];
  }
}

function toMicros(ms) {
  return Math.max(1, Math.round(ms * 1_000));
}
