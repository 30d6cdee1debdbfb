import {
  BOUNDS,
  DEADLINE_MS,
  failureOf,
  fakeTime,
  GateFixture,
  never,
  pass,
  PROBE_INTERVAL_MS,
  restoreTime,
  turn,
} from './gate-fixture.js';

describe('the gate', () => {
  let fixture: GateFixture;

  beforeEach(async () => {
    fakeTime();
    fixture = await GateFixture.closed();
  });

  afterEach(() => {
    fixture.gate.stop();
    restoreTime();
  });

  describe('before the first connection', () => {
    beforeEach(() => {
      fixture = new GateFixture();
    });

    it('is open and sends nothing', async () => {
      const { gate } = fixture;
      const command = jest.fn(async () => 'PONG');
      await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({ reason: 'open' });
      expect(command).not.toHaveBeenCalled();
    });

    it('closes without an event when the link is up in time', async () => {
      const { gate, log } = fixture;
      gate.linkUp();
      await turn();
      expect(gate.isClosed).toBe(true);
      expect(log).toEqual([]);
    });

    it('says once that Redis is away at boot, and goes on looking', async () => {
      const { gate, link, log } = fixture;
      link.ready = false;
      gate.startDegraded('ECONNREFUSED');
      gate.linkDown('ECONNREFUSED');
      await pass(PROBE_INTERVAL_MS * 3);
      expect(log).toEqual(['default degraded: ECONNREFUSED']);
      link.ready = true;
      await pass(PROBE_INTERVAL_MS);
      expect(gate.isClosed).toBe(true);
      expect(log).toEqual(['default degraded: ECONNREFUSED', 'default recovered after 1600 ms']);
    });
  });

  describe('while closed', () => {
    it('opens after as many consecutive failures as the threshold', async () => {
      const { gate, link, log } = fixture;
      for (const expected of ['closed', 'closed', 'open']) {
        await fixture.timeOut();
        expect(gate.state).toBe(expected);
      }
      expect(log).toEqual(['default degraded: deadline']);
      expect(link.destroySockets).toHaveBeenCalledTimes(1);
    });

    it('counts from the start again after a success', async () => {
      const { gate } = fixture;
      await fixture.timeOut();
      await fixture.timeOut();
      await gate.run(async () => 'PONG', BOUNDS);
      await fixture.timeOut();
      await fixture.timeOut();
      expect(gate.state).toBe('closed');
    });

    it('opens at once when the connection is lost', () => {
      const { gate, log } = fixture;
      gate.linkDown('ECONNRESET');
      expect(gate.state).toBe('open');
      expect(log).toEqual(['default degraded: ECONNRESET']);
    });

    it('announces it once, whatever else fails then', async () => {
      const { gate, link, log } = fixture;
      const underWay = Array.from({ length: 5 }, () => failureOf(gate.run(never, BOUNDS)));
      gate.linkDown('ECONNRESET');
      gate.linkDown('ECONNRESET');
      gate.startDegraded('not ready in time');
      await pass(DEADLINE_MS);
      await Promise.all(underWay);
      expect(log).toEqual(['default degraded: ECONNRESET']);
      expect(link.destroySockets).toHaveBeenCalledTimes(1);
    });

    it('does not probe: commands tell how Redis is', async () => {
      const { gate, link } = fixture;
      gate.linkUp();
      await pass(PROBE_INTERVAL_MS * 10);
      expect(link.probe).not.toHaveBeenCalled();
    });

    it('lets nothing through after a stop', async () => {
      const { gate } = fixture;
      gate.stop();
      const command = jest.fn(async () => 'PONG');
      await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({ reason: 'open' });
      expect(command).not.toHaveBeenCalled();
    });
  });

  describe('while open', () => {
    beforeEach(() => fixture.gate.linkDown('ECONNRESET'));

    it('fails at once, not executed, and sends nothing', async () => {
      const { gate } = fixture;
      const command = jest.fn(async () => 'PONG');
      await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({
        code: 'E_REDIS_UNAVAILABLE',
        reason: 'open',
        outcome: 'not-executed',
      });
      expect(command).not.toHaveBeenCalled();
      expect(gate.counters).toEqual({ calls: 0, rejected: 1, failures: 0, inFlight: 0 });
    });

    it('probes once an interval, and closes at the first probe that succeeds', async () => {
      const { gate, link } = fixture;
      link.probe.mockRejectedValueOnce(new Error('still away'));
      await pass(PROBE_INTERVAL_MS);
      expect(gate.state).toBe('open');
      await pass(PROBE_INTERVAL_MS - 1);
      expect(link.probe).toHaveBeenCalledTimes(1);
      await pass(1);
      expect(link.probe).toHaveBeenCalledTimes(2);
      await expect(gate.run(async () => 'PONG', BOUNDS)).resolves.toBe('PONG');
    });

    it('spreads the probes of many processes over a quarter of the interval either way', async () => {
      const { link } = fixture;
      jest.spyOn(Math, 'random').mockReturnValue(0);
      link.probe.mockRejectedValue(new Error('still away'));
      await pass(PROBE_INTERVAL_MS);
      link.probe.mockClear();
      await pass(PROBE_INTERVAL_MS * 0.75);
      expect(link.probe).toHaveBeenCalledTimes(1);
      jest.spyOn(Math, 'random').mockReturnValue(1);
      await pass(PROBE_INTERVAL_MS * 0.75);
      link.probe.mockClear();
      await pass(PROBE_INTERVAL_MS * 1.25 - 1);
      expect(link.probe).not.toHaveBeenCalled();
      await pass(1);
      expect(link.probe).toHaveBeenCalledTimes(1);
    });

    it('announces the recovery once, with the time it was away', async () => {
      const { gate, link, log } = fixture;
      link.ready = false;
      await pass(10_000);
      link.ready = true;
      gate.linkUp();
      gate.linkUp();
      await turn();
      gate.linkUp();
      await pass(10_000);
      expect(log).toEqual(['default degraded: ECONNRESET', 'default recovered after 10000 ms']);
      expect(link.probe).toHaveBeenCalledTimes(1);
    });

    it('asks at once when the link is up, instead of waiting for the next probe', async () => {
      fixture.gate.linkUp();
      await turn();
      expect(fixture.gate.state).toBe('closed');
    });

    it('asks nothing of a link that is not ready, and drops what is stuck once an interval', async () => {
      const { link } = fixture;
      link.ready = false;
      await pass(PROBE_INTERVAL_MS * 4);
      expect(link.probe).not.toHaveBeenCalled();
      expect(link.dropStuckSockets).toHaveBeenCalledTimes(4);
    });

    it('stays silent and asks nothing after a stop', async () => {
      const { gate, link, log } = fixture;
      gate.stop();
      gate.linkUp();
      await pass(PROBE_INTERVAL_MS * 4);
      expect(link.probe).not.toHaveBeenCalled();
      expect(log).toEqual(['default degraded: ECONNRESET']);
    });
  });

  describe('while half-open', () => {
    let answer: () => void;

    beforeEach(async () => {
      const { gate, link } = fixture;
      link.probe.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
      gate.linkDown('ECONNRESET');
      link.destroySockets.mockClear();
      await pass(PROBE_INTERVAL_MS);
    });

    it('lets the one probe through and nothing else', async () => {
      const { gate, link } = fixture;
      const command = jest.fn(async () => 'PONG');
      expect(gate.state).toBe('half-open');
      gate.linkUp();
      await expect(gate.run(command, BOUNDS)).rejects.toMatchObject({ reason: 'open' });
      expect(command).not.toHaveBeenCalled();
      expect(link.probe).toHaveBeenCalledTimes(1);
      answer();
      await turn();
      expect(gate.state).toBe('closed');
    });

    it('opens again and destroys the sockets when the probe gets no answer', async () => {
      const { gate, link } = fixture;
      await pass(PROBE_INTERVAL_MS);
      expect(gate.state).toBe('open');
      expect(link.destroySockets).toHaveBeenCalledTimes(1);
      await pass(PROBE_INTERVAL_MS);
      expect(gate.state).toBe('closed');
    });

    it('is silent after a stop, also when the probe succeeds later', async () => {
      const { gate, log } = fixture;
      const listener = jest.fn();
      gate.onRecovered(listener);
      gate.stop();
      answer();
      await pass(PROBE_INTERVAL_MS * 2);
      expect(listener).not.toHaveBeenCalled();
      expect(log).toEqual(['default degraded: ECONNRESET']);
    });
  });

  it('tells every listener of every recovery, until it ends', async () => {
    const { gate, log } = fixture;
    const staying = jest.fn();
    const leaving = jest.fn();
    gate.onRecovered(staying);
    const leave = gate.onRecovered(leaving);
    gate.linkDown('ECONNRESET');
    await pass(PROBE_INTERVAL_MS);
    leave();
    gate.linkDown('EPIPE');
    await pass(PROBE_INTERVAL_MS);
    expect([staying, leaving].map(({ mock }) => mock.calls.length)).toEqual([2, 1]);
    expect(log.filter((line) => line.includes('degraded'))).toHaveLength(2);
  });
});
