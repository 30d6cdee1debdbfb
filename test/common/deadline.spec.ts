import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { DeadlineExceeded, withDeadline } from '../../src/common/redis/deadline.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { useStarted } from '../support/redis/shared-redis.js';

describe('withDeadline', () => {
  const redis = useStarted(() => startStandalone());

  it('gives the answer that comes in time', async () => {
    await expect(withDeadline(Promise.resolve('PONG'), 1_000)).resolves.toBe('PONG');
  });

  it('passes on the failure that comes in time', async () => {
    const failure = new Error('ERR wrong');
    await expect(withDeadline(Promise.reject(failure), 1_000)).rejects.toBe(failure);
  });

  it('passes on what was thrown as it is, also when it is no Error', async () => {
    const thrown = { code: 'EPIPE' };
    const failing = Promise.resolve().then(() => {
      throw thrown;
    });
    await expect(withDeadline(failing, 1_000)).rejects.toBe(thrown);
  });

  it('gives up when nothing comes, and says after how long', async () => {
    const never = new Promise<never>(() => undefined);
    const outcome = withDeadline(never, 5);
    await expect(outcome).rejects.toBeInstanceOf(DeadlineExceeded);
    await expect(outcome).rejects.toThrow('no answer within 5 ms');
  });

  it('leaves no timer behind when the answer came', async () => {
    jest.useFakeTimers();
    try {
      await withDeadline(Promise.resolve(1), 60_000);
      await expect(withDeadline(Promise.reject(new Error('no')), 60_000)).rejects.toThrow('no');
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('ignores a failure that comes after it gave up', async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_resolve, reject) => (fail = reject));
    await expect(withDeadline(work, 1)).rejects.toBeInstanceOf(DeadlineExceeded);
    fail(new Error('too late'));
    await expect(work).rejects.toThrow('too late');
  });

  it('prefers a reply that arrived while the event loop was blocked past the deadline', async () => {
    const socket = connect(redis().process.port, '127.0.0.1');
    await once(socket, 'connect');
    const reply = withDeadline(firstBytes(socket), 30);
    socket.write('PING\r\n'); // sent at once; the answer waits in the socket
    blockTheEventLoop(200);
    await expect(reply).resolves.toBe('+PONG\r\n');
    socket.destroy();
  });
});

async function firstBytes(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

/** Leaves the processor to the server, which may have no other. */
function blockTheEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
