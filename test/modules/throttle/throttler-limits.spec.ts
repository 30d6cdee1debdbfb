import { Controller, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { ThrottlerOptions } from '@nestjs/throttler';
import { ClientIdentity } from '../../../src/modules/throttle/requests/client-identity.js';
import { KnownPolicies } from '../../../src/modules/throttle/known-policies.js';
import { refusalOf } from '../../../src/modules/throttle/nestjs-throttler/throttler-answer.js';
import { ThrottlerLimits } from '../../../src/modules/throttle/nestjs-throttler/throttler-limits.js';

const request = { method: 'GET', url: '/', headers: {}, ip: '192.0.2.1' };

/** Controllers of one name and one method name, as in two modules of a program, or two versions. */
const TWINS: readonly Type[] = [
  { path: 'cats' },
  { path: 'dogs' },
  { path: 'dogs', version: '2' },
  { path: 'dogs', host: 'dogs.example' },
].map((place) => {
  @Controller(place)
  class PetsController {
    list(): void {}
  }
  return PetsController;
});

async function checksOf(
  throttlers: readonly ThrottlerOptions[],
  controller: Type = TWINS[0] as Type,
  known = new KnownPolicies(),
) {
  const limits = new ThrottlerLimits({
    throttlers,
    common: { getTracker: (asked) => String(asked['ip']), generateKey: undefined },
    reflector: new Reflector(),
    tracked: (tracker) => tracker ?? 'nobody',
    onRedisDown: 'open',
    known,
  });
  const context = new ExecutionContextHost([request, {}], controller, controller.prototype.list);
  return limits.checksOf(context, request);
}

async function namesOf(throttlers: readonly ThrottlerOptions[], controller?: Type) {
  return (await checksOf(throttlers, controller)).map(({ policy }) => policy.name);
}

describe('ThrottlerLimits', () => {
  it('makes a policy that decides as theirs: a window, a block as long, and all free after it', async () => {
    const [check] = await checksOf([{ limit: 3, ttl: 5_000 }]);
    expect(check).toMatchObject({
      subject: '192.0.2.1',
      cost: 1,
      count: 'all',
      policy: {
        name: '@throttler default ANY PetsController.list /cats',
        strategy: 'sliding-window',
        limit: 3,
        windowMs: 5_000,
        penalty: 0,
        block: { durationMs: 5_000, longestMs: 5_000, clears: true },
        onRedisDown: 'open',
      },
    });
  });

  it('keeps controllers apart that have one class name', async () => {
    const throttlers = [{ limit: 3, ttl: 5_000 }];
    const names = await Promise.all(TWINS.map((controller) => namesOf(throttlers, controller)));
    expect(new Set(names.flat()).size).toBe(TWINS.length);
  });

  it('keeps those apart that have one name, or none', async () => {
    const names = await namesOf([
      { limit: 3, ttl: 1_000 },
      { limit: 100, ttl: 60_000 },
    ]);
    expect(names[0]).toBe('@throttler default ANY PetsController.list /cats');
    expect(new Set(names).size).toBe(2);
  });

  it('keeps names apart that hold what separates them', async () => {
    const generateKey = () => 'key';
    const shared = { limit: 3, ttl: 5_000, generateKey };
    const [plain, ...others] = await namesOf([
      { limit: 3, ttl: 5_000, name: 'short' },
      { ...shared, name: 'short ANY PetsController.list /cats' },
      { ...shared, name: 'short%20ANY%20PetsController.list%20/cats' },
      { ...shared, name: 'short' },
    ]);
    expect(new Set([plain, ...others]).size).toBe(4);
  });

  it('takes trackers and keys of any length', async () => {
    const getTracker = () => 'x'.repeat(5_000);
    const [long, empty] = await checksOf([
      { limit: 1, ttl: 1_000, getTracker },
      { limit: 1, ttl: 1_000, generateKey: () => '' },
    ]);
    expect(long?.subject).toMatch(/^[0-9a-f]{64}$/);
    expect(empty?.subject).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes trackers and keys that are no text, as ids of databases are', async () => {
    const identity = new ClientIdentity({ ipv6Prefix: 64 });
    expect(identity.tracked(4_711, request)).toBe('4711');
    const generateKey = (() => 4_711) as never;
    const [check] = await checksOf([{ limit: 1, ttl: 1_000, generateKey }]);
    expect(check?.subject).toBe('4711');
  });

  it.each([0, 1_000])('lets nobody pass a limit of 0 in %i ms', async (ttl) => {
    const refused = refusalOf(await checksOf([{ limit: 0, ttl }]));
    expect(refused?.outcome).toMatchObject({ allowed: false, decisions: [{ limit: 0 }] });
    expect(refusalOf(await checksOf([{ limit: 1, ttl }]))).toBeUndefined();
  });

  it('makes one policy of what it was asked for often', async () => {
    const known = new KnownPolicies();
    const throttlers = [{ limit: 1, ttl: 1_000 }];
    await checksOf(throttlers, undefined, known);
    await checksOf(throttlers, undefined, known);
    expect(known.list()).toHaveLength(1);
  });

  it.each(['limit', 'ttl', 'blockDuration'])('names what is no number: %s', async (option) => {
    const throttler = { limit: 1, ttl: 1_000, name: 'short', [option]: () => 'many' };
    await expect(checksOf([throttler as never])).rejects.toMatchObject({
      code: 'E_LIMIT_MISCONFIGURED',
      policy: 'short',
      option,
    });
  });
});
