import { SessionConflictError } from '../../../src/modules/session/index.js';
import { sessionHarness } from './session-harness.js';

interface Counted extends Record<string, unknown> {
  readonly count: number;
}

describe('SessionService.update', () => {
  it('merges top-level values, and removes those that are undefined', async () => {
    const { sessions } = sessionHarness();
    const data = { keep: 1, change: { a: 1 }, remove: 2 };
    const { session } = await sessions.create({ userId: 'ada', data });
    const updated = await sessions.update(session.id, {
      change: { b: 2 },
      remove: undefined,
      add: 3,
    });
    expect(updated?.data).toStrictEqual({ keep: 1, change: { b: 2 }, add: 3 });
    await expect(sessions.get(session.id)).resolves.toEqual(updated);
  });

  it('stores what a function makes of the data', async () => {
    const { sessions } = sessionHarness();
    const { session } = await sessions.create({ userId: 'ada', data: { cart: ['tea'] } });
    const updated = await sessions.update<{ cart: string[] }>(session.id, async ({ cart }) => ({
      cart: [...cart, 'milk'],
    }));
    expect(updated?.data).toEqual({ cart: ['tea', 'milk'] });
  });

  it('loses none of 50 parallel changes', async () => {
    const { sessions } = sessionHarness();
    const { session } = await sessions.create({ userId: 'ada', data: { count: 0 } });
    const increments = Array.from({ length: 50 }, () =>
      sessions.update<Counted>(session.id, (data) => ({ ...data, count: data.count + 1 })),
    );
    const fields = Array.from({ length: 20 }, (_, n) =>
      sessions.update(session.id, { [`field ${n}`]: n }),
    );
    await Promise.all([...increments, ...fields]);
    const found = await sessions.get(session.id);
    expect(found?.data['count']).toBe(50);
    expect(Object.keys(found?.data ?? {})).toHaveLength(21);
  });

  it('of what is absent runs no function', async () => {
    const { sessions } = sessionHarness();
    const change = jest.fn();
    await expect(sessions.update('unknown', change)).resolves.toBeUndefined();
    expect(change).not.toHaveBeenCalled();
  });

  it('does not bring back a session that is destroyed while the function runs', async () => {
    const { sessions } = sessionHarness();
    const { session } = await sessions.create({ userId: 'ada' });
    const updated = await sessions.update(session.id, async (data) => {
      await sessions.destroyAllForUser('ada');
      return { ...data, late: true };
    });
    expect(updated).toBeUndefined();
    await expect(sessions.get(session.id)).resolves.toBeUndefined();
  });

  it('passes on what the function throws, and changes nothing', async () => {
    const { sessions } = sessionHarness();
    const { session } = await sessions.create({ userId: 'ada', data: { a: 1 } });
    const failing = sessions.update(session.id, () => {
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    const wrong = sessions.update(session.id, (() => undefined) as never);
    await expect(wrong).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option: 'data' });
    await expect(sessions.get(session.id)).resolves.toMatchObject({ data: { a: 1 } });
  });

  it('refuses to grow beyond the bound', async () => {
    const { sessions } = sessionHarness({ maxDataBytes: 100 });
    const { session } = await sessions.create({ userId: 'ada', data: { a: 1 } });
    const growing = sessions.update(session.id, { text: 'x'.repeat(100) });
    await expect(growing).rejects.toMatchObject({ code: 'E_SESSION_TOO_LARGE' });
    await expect(sessions.get(session.id)).resolves.toMatchObject({ data: { a: 1 } });
  });

  it('gives up when it loses again and again', async () => {
    const { sessions, driver } = sessionHarness();
    const { session } = await sessions.create({ userId: 'ada', data: {} });
    const stored = await driver.get(session.id);
    if (stored === undefined) throw new Error('it is there');
    jest.spyOn(driver, 'update').mockResolvedValue({ outcome: 'conflict', session: stored });
    await expect(sessions.update(session.id, { a: 1 })).rejects.toThrow(SessionConflictError);
  });
});
