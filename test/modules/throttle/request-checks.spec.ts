import { Logger, NotFoundException } from '@nestjs/common';
import type { HttpRequest } from '../../../src/common/http/index.js';
import { KnownPolicies } from '../../../src/modules/throttle/known-policies.js';
import { NamedLimit } from '../../../src/modules/throttle/named-limit.js';
import { requestChecks } from '../../../src/modules/throttle/requests/request-checks.js';
import {
  type LimitSubject,
  type RequestLimitOptions,
  resolveRequestLimit,
} from '../../../src/modules/throttle/requests/request-limit.options.js';

const REQUEST: HttpRequest = { method: 'GET', url: '/', headers: {} };

function limits(...given: readonly Partial<RequestLimitOptions>[]): readonly NamedLimit[] {
  const known = new KnownPolicies();
  return given.map((options, index) => {
    const limit = resolveRequestLimit({ limit: 5, window: '1m', ...options }, 'limit');
    return new NamedLimit(limit, { name: `limit ${index}`, onRedisDown: 'memory', known });
  });
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

const kindOf = async (by: LimitSubject) => (typeof by === 'string' ? by : 'custom');

describe('the checks of a request', () => {
  it('ask whose counter is meant once for each kind', async () => {
    const asked: LimitSubject[] = [];
    const checks = await requestChecks(
      limits({ by: 'user' }, { by: 'ip', cost: 2 }, { by: 'user', count: 'failures' }, {}),
      REQUEST,
      (by) => {
        asked.push(by);
        return kindOf(by);
      },
    );
    expect(asked).toEqual(['user', 'ip', 'client']);
    expect(checks.map(({ subject, cost, count }) => [subject, cost, count])).toEqual([
      ['user', 1, 'all'],
      ['ip', 2, 'all'],
      ['user', 1, 'failures'],
      ['client', 1, 'all'],
    ]);
  });

  it('are of the limits that the functions of the request give', async () => {
    const checks = await requestChecks(
      limits({ limit: () => undefined }, { limit: async () => 7, cost: async () => 3 }),
      REQUEST,
      kindOf,
    );
    expect(checks).toMatchObject([{ cost: 3, policy: { name: 'limit 1', limit: 7, burst: 7 } }]);
  });

  it.each([
    ['limit', { limit: () => 0 }],
    ['limit', { limit: async () => Number.NaN }],
    ['limit', { limit: () => 100_001 }],
    ['cost', { cost: () => 1.5 }],
    ['cost', { cost: async () => 0 }],
  ])('fail for a %s that cannot be one', async (option, wrong) => {
    await expect(requestChecks(limits(wrong), REQUEST, kindOf)).rejects.toMatchObject({
      code: 'E_LIMIT_MISCONFIGURED',
      kind: 'internal',
      policy: 'limit 0',
      option,
    });
  });

  it.each(['limit', 'cost'] as const)('fail with the reason where a %s does', async (option) => {
    const cause = new TypeError('no such plan');
    const throwing = {
      [option]: () => {
        throw cause;
      },
    };
    await expect(requestChecks(limits({}, throwing), REQUEST, kindOf)).rejects.toMatchObject({
      code: 'E_LIMIT_MISCONFIGURED',
      message: `The limit "limit 1" cannot be checked: its "${option}" failed: no such plan.`,
      cause,
    });
  });

  it('leave out limits in shadow whose functions fail, and say why in the log', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const fail = () => {
      throw new NotFoundException('no such plan');
    };
    try {
      const tried = [{ limit: fail }, { cost: fail }, { cost: () => 0 }, { by: fail }];
      const inShadow = tried.map((wrong) => ({ ...wrong, shadow: true }));
      const checks = await requestChecks(limits(...inShadow, { shadow: true }), REQUEST, (by) =>
        typeof by === 'function' ? fail() : kindOf(by),
      );
      expect(checks).toMatchObject([{ policy: { name: 'limit 4', shadow: true } }]);
      expect(logged).toHaveBeenCalledTimes(4);
    } finally {
      logged.mockRestore();
    }
  });

  it('leave no failure behind that nobody looks at, which would end the process', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const fail = () => Promise.reject(new TypeError('the user is not known'));
    const cost = async () => {
      await nextTurn();
      throw new TypeError('the cost is not known');
    };
    try {
      const both = limits({ by: 'user', cost }, { by: 'user', cost }, { by: 'ip', cost });
      const checked = requestChecks(both, REQUEST, (by) => (by === 'ip' ? kindOf(by) : fail()));
      await expect(checked).rejects.toMatchObject({ option: 'by' });
      // What is not handled is told after the microtasks of a turn.
      for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    } finally {
      process.off('unhandledRejection', listen);
    }
    expect(unhandled).toEqual([]);
  });
});
