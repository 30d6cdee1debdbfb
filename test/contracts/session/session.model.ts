import fc from 'fast-check';
import type { SessionDriver } from '../../../src/modules/session/index.js';
import { credentialOf, EAGER, LAZY, newSession } from './session-fixture.js';

const USERS = ['alice', 'bob'] as const;
const SLOTS = 4;
const LIVES = [1_000, 10_000, 100_000] as const;

/** One step; sessions are named by the slot they were created in. */
export type Step =
  | { readonly do: 'create'; readonly slot: number; readonly user: string; readonly life: number }
  | { readonly do: 'get' | 'touch' | 'update' | 'destroy' | 'put'; readonly slot: number }
  | { readonly do: 'validate'; readonly slot: number; readonly isEager: boolean }
  | { readonly do: 'list' | 'destroyAll'; readonly user: string }
  | { readonly do: 'wait'; readonly ms: number };

const slot = fc.nat(SLOTS - 1);
const user = fc.constantFrom(...USERS);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('create'),
      slot,
      user,
      life: fc.constantFrom(...LIVES),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('get', 'touch', 'update', 'destroy', 'put'),
      slot,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('validate'), slot, isEager: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('list', 'destroyAll'), user }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1, 999, 1_000, 9_999) }),
  },
) as fc.Arbitrary<Step>;

export const steps = fc.array(step, { maxLength: 40 });

interface Modelled {
  readonly user: string;
  readonly life: number;
  expiresAt: number;
}

/** What a plain map makes of the steps; mirrors no driver. */
export function expectedOf(sequence: readonly Step[]): readonly unknown[] {
  const live = new Map<number, Modelled>();
  let now = 0;
  const alive = (): [number, Modelled][] => [...live].filter(([, one]) => one.expiresAt > now);
  const find = (at: number) => alive().find(([known]) => known === at)?.[1];
  return sequence.map((asked) => {
    switch (asked.do) {
      case 'create':
        live.set(asked.slot, { user: asked.user, life: asked.life, expiresAt: now + asked.life });
        return true;
      case 'get':
      case 'update':
        return find(asked.slot) !== undefined;
      case 'put':
        // Its id is taken while the session lives; afterwards it is not asked for again.
        return find(asked.slot) === undefined;
      case 'touch':
      case 'validate': {
        const one = find(asked.slot);
        const isTouch = asked.do === 'touch' || ('isEager' in asked && asked.isEager);
        if (one !== undefined && isTouch) one.expiresAt = now + one.life;
        return one !== undefined;
      }
      case 'destroy':
        return find(asked.slot) !== undefined && live.delete(asked.slot);
      case 'list':
        return alive().filter(([, one]) => one.user === asked.user).length;
      case 'destroyAll': {
        const ended = alive().filter(([, one]) => one.user === asked.user);
        for (const [at] of ended) live.delete(at);
        return ended.length;
      }
      case 'wait':
        now += asked.ms;
        return undefined;
      default:
        return asked satisfies never;
    }
  });
}

/**
 * The same steps on a driver. A slot that is created anew leaves its session to nobody: destroyed.
 */
export async function answersOf(
  sequence: readonly Step[],
  driver: SessionDriver,
  wait: (ms: number) => void,
): Promise<readonly unknown[]> {
  const sessions = Array.from({ length: SLOTS }, () => newSession());
  const at = (index: number) => sessions[index] ?? newSession();
  const run = async (asked: Step): Promise<unknown> => {
    switch (asked.do) {
      case 'create':
        await driver.destroy(at(asked.slot).id);
        sessions[asked.slot] = newSession({ userId: asked.user, ttlMs: asked.life });
        return (await driver.create(at(asked.slot))) !== undefined;
      case 'get':
        return (await driver.get(at(asked.slot).id)) !== undefined;
      case 'touch':
        return (await driver.touch(at(asked.slot).id)) !== undefined;
      case 'update': {
        const { id } = at(asked.slot);
        const { version = '' } = (await driver.get(id)) ?? {};
        return (await driver.update(id, { version, data: Buffer.from('x') })).outcome === 'updated';
      }
      case 'put': {
        const { id } = at(asked.slot);
        const stored = await driver.put(id, { ttlMs: 1_000, data: Buffer.from('put') });
        if (stored !== undefined) await driver.destroy(id);
        return stored !== undefined;
      }
      case 'validate': {
        const rule = asked.isEager ? EAGER : LAZY;
        return (await driver.validate(credentialOf(at(asked.slot)), rule)) !== undefined;
      }
      case 'destroy':
        return (await driver.destroy(at(asked.slot).id)) !== undefined;
      case 'list':
        return (await driver.list(asked.user)).length;
      case 'destroyAll':
        return driver.destroyAll(asked.user);
      case 'wait':
        return wait(asked.ms);
      default:
        return asked satisfies never;
    }
  };
  const answers: unknown[] = [];
  for (const asked of sequence) answers.push(await run(asked));
  return answers;
}
