import { eventually } from '../support/eventually.js';

describe('eventually', () => {
  it('repeats until the attempt neither throws nor answers false', async () => {
    let attempts = 0;
    const answer = await eventually(
      () => {
        attempts += 1;
        if (attempts === 1) throw new Error('not yet');
        return attempts === 2 ? false : attempts;
      },
      { intervalMs: 1 },
    );
    expect(answer).toBe(3);
  });

  it('takes an assertion that holds, which answers undefined, as success', async () => {
    await expect(eventually(() => expect(1).toBe(1))).resolves.toBeUndefined();
  });

  it('gives up with the last failure', async () => {
    const failing = eventually(() => Promise.reject(new Error('still closed')), { timeoutMs: 20 });
    await expect(failing).rejects.toThrow('still not so after 20 ms: still closed');
  });

  it('gives up on an attempt that never ends', async () => {
    const hanging = eventually(() => new Promise<never>(() => undefined), { timeoutMs: 20 });
    await expect(hanging).rejects.toThrow('no attempt came to an end');
  });
});
