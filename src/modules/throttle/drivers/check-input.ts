import { InvalidOptionError } from '../../../common/errors/index.js';
import {
  capacityOf,
  type ThrottleCheck,
  type ThrottleCounter,
  type ThrottlePolicy,
} from '../throttle.driver.js';

/**
 * @throws InvalidOptionError for a cost that is no whole number of at least 1, or that could never
 * pass
 */
export function checkCosts(checks: readonly ThrottleCheck[]): void {
  for (const { policy, cost } of checks) {
    if (!Number.isSafeInteger(cost) || cost < 1) {
      throw new InvalidOptionError('cost', 'must be a whole number of at least 1');
    }
    const most = capacityOf(policy);
    if (cost <= most) continue;
    throw new InvalidOptionError(
      'cost',
      `must be at most ${most}, all that "${policy.name}" ever allows at once`,
    );
  }
}

/** @throws InvalidOptionError for a limit that does not look at blocks */
export function checkBlockable(counters: readonly ThrottleCounter[]): void {
  const blind = counters.find(({ policy }) => policy.block === undefined);
  if (blind === undefined) return;
  const { name } = blind.policy;
  throw new InvalidOptionError(
    'block',
    `must be set for "${name}", which ignores blocks without it`,
  );
}

/** Does the policy know anything but counting? Then a denied hit may change something. */
export function isPunishing({ penalty, block }: ThrottlePolicy): boolean {
  return penalty > 0 || block !== undefined;
}
