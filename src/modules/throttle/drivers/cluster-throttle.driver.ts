import { countedOf } from '../counted-checks.js';
import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
} from '../throttle.driver.js';

/** Checks of one subject, which live on one node. */
interface Group<T extends ThrottleCounter> {
  readonly checks: readonly T[];
  /** Where they stood in the call. */
  readonly positions: readonly number[];
}

/** One group with what its node said. */
interface Answered extends Group<ThrottleCheck> {
  readonly outcome: ThrottleOutcome;
}

/**
 * Asks a driver that takes one subject at a time, in parallel, and takes the hits back where one
 * subject was denied.
 */
export class ClusterThrottleDriver implements ThrottleDriver {
  readonly #node: ThrottleDriver;

  constructor(node: ThrottleDriver) {
    this.#node = node;
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const groups = bySubject(checks);
    if (groups.length <= 1) return this.#node.consume(checks);
    const settled = await Promise.allSettled(
      groups.map(async (group) => ({ ...group, outcome: await this.#node.consume(group.checks) })),
    );
    const answered = settled
      .filter((each) => each.status === 'fulfilled')
      .map(({ value }) => value);
    const failed = settled.find((each) => each.status === 'rejected');
    const isAdmitted = failed === undefined && answered.every(({ outcome }) => outcome.allowed);
    if (isAdmitted) return merged(answered);
    const given = Promise.all(answered.map((each) => this.#giveBack(each)));
    // Somebody else answers this hit; nobody has to wait for what is given back here.
    if (failed !== undefined) throw failed.reason;
    return merged(await given);
  }

  async peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const groups = bySubject(checks);
    if (groups.length <= 1) return this.#node.peek(checks);
    const ask = async (group: Group<ThrottleCheck>): Promise<Answered> => ({
      ...group,
      outcome: await this.#node.peek(group.checks),
    });
    return merged(await Promise.all(groups.map(ask)));
  }

  async refund(counted: readonly CountedCheck[]): Promise<boolean> {
    const refunds = bySubject(counted).map(({ checks }) => this.#node.refund(checks));
    return (await Promise.all(refunds)).includes(true);
  }

  async grant(checks: readonly ThrottleCheck[]): Promise<void> {
    await Promise.all(bySubject(checks).map((group) => this.#node.grant(group.checks)));
  }

  async block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    await Promise.all(
      bySubject(counters).map(({ checks }) => this.#node.block(checks, durationMs)),
    );
  }

  /**
   * Takes back what one subject was counted, and looks again. Sent at once, over the connection that
   * keeps the order; what fails of it leaves the hit counted, and the answer as it was.
   */
  async #giveBack(answered: Answered): Promise<Answered> {
    if (!answered.outcome.allowed) return answered;
    const refund = this.#node.refund(countedOf(answered.checks, answered.outcome));
    const [, now] = await Promise.allSettled([refund, this.#node.peek(answered.checks)]);
    return now.status === 'fulfilled' ? { ...answered, outcome: now.value } : answered;
  }

  async reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    const resets = bySubject(counters).map(({ checks }) => this.#node.reset(checks));
    return (await Promise.all(resets)).includes(true);
  }
}

function bySubject<T extends ThrottleCounter>(checks: readonly T[]): readonly Group<T>[] {
  const groups = new Map<string, { checks: T[]; positions: number[] }>();
  for (const [position, check] of checks.entries()) {
    const group = groups.get(check.subject) ?? { checks: [], positions: [] };
    groups.set(check.subject, group);
    group.checks.push(check);
    group.positions.push(position);
  }
  return [...groups.values()];
}

function merged(groups: readonly Answered[]): ThrottleOutcome {
  const decisions: ThrottleDecision[] = [];
  for (const { positions, outcome } of groups) {
    for (const [index, position] of positions.entries()) {
      const decision = outcome.decisions[index];
      if (decision !== undefined) decisions[position] = decision;
    }
  }
  const allowed = decisions.every((decision) => decision.allowed);
  return { allowed, decisions, backing: groups[0]?.outcome.backing ?? 'redis' };
}
