import { randomInt } from 'node:crypto';

/**
 * A port to try for a test server, from 10000 to 19999; another one if it is taken.
 *
 * Not port 0: the kernel picks from the range that outgoing connections use too (32768 and up), so
 * one of those could occupy the port while a server is down and make its restart fail. The range
 * also leaves room for a cluster node's bus, which listens 10000 above.
 *
 * Nothing is probed beforehand. Only the server's own bind can tell whether a port is free, because
 * the suites of other jest workers start servers at the same moment.
 */
export function pickTestPort(): number {
  return randomInt(10_000, 20_000);
}
