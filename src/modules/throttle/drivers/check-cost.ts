import { InvalidOptionError } from '../../../common/errors/index.js';
import { capacityOf, type ThrottlePolicy } from '../throttle.driver.js';

/**
 * @throws InvalidOptionError for a cost that is no whole number of at least 1, or that could never
 * pass
 */
export function checkCost(cost: number, policies: readonly ThrottlePolicy[]): void {
  if (!Number.isSafeInteger(cost) || cost < 1) {
    throw new InvalidOptionError('cost', 'must be a whole number of at least 1');
  }
  const tooSmall = policies.find((policy) => capacityOf(policy) < cost);
  if (tooSmall === undefined) return;
  const { name } = tooSmall;
  const most = capacityOf(tooSmall);
  throw new InvalidOptionError(
    'cost',
    `must be at most ${most}, all that "${name}" ever allows at once`,
  );
}
