import { KnownPolicies } from '../../../src/modules/throttle/known-policies.js';
import type { ThrottlePolicy } from '../../../src/modules/throttle/throttle.driver.js';

const LOGIN: ThrottlePolicy = {
  name: 'login',
  strategy: 'sliding-window',
  limit: 5,
  windowMs: 60_000,
  burst: 5,
  penalty: 0,
  block: undefined,
  onRedisDown: 'memory',
  shadow: false,
};

describe('KnownPolicies', () => {
  it('list each policy once, in the order in which they were met', () => {
    const known = new KnownPolicies();
    const mail = { ...LOGIN, name: 'mail' };
    for (const policy of [LOGIN, mail, { ...LOGIN }, mail]) known.add(policy);
    expect(known.list()).toEqual([LOGIN, mail]);
  });

  it('tell apart what shares a name', () => {
    const known = new KnownPolicies();
    const others: readonly ThrottlePolicy[] = [
      { ...LOGIN, limit: 6 },
      { ...LOGIN, windowMs: 1 },
      { ...LOGIN, strategy: 'fixed-window' },
      { ...LOGIN, onRedisDown: 'open' },
    ];
    for (const policy of [LOGIN, ...others, { ...LOGIN, name: 'mail' }]) known.add(policy);
    expect(known.named('login')).toEqual([LOGIN, ...others]);
    expect(known.named('log')).toEqual([]);
    expect([known.has('login'), known.has('log')]).toEqual([true, false]);
  });

  it('keep the first thousand and say that there are more', () => {
    const known = new KnownPolicies();
    for (let number = 0; number < 1_000; number += 1) known.add({ ...LOGIN, name: `n${number}` });
    known.add({ ...LOGIN, name: 'n0' });
    expect([known.list().length, known.isTruncated]).toEqual([1_000, false]);
    known.add(LOGIN);
    expect([known.list().length, known.isTruncated]).toEqual([1_000, true]);
    expect(known.named('login')).toEqual([]);
  });
});
